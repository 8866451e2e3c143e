package edge

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
)

// Authenticator identifies callers. [users.Service] is one, for access tokens that name a session.
// A host may have its own.
type Authenticator interface {
	// Authenticate returns the user who holds the token, which is not empty. It runs once for every
	// request of a signed-in user, so the role must be the present one, and inactive users must be
	// refused. An error of kind fault.Unauthenticated refuses the token; any other error means that
	// the Authenticator failed. SessionID may be zero if there is no session.
	// A caller without SignedInAt cannot change roles.
	Authenticate(ctx context.Context, token string) (users.Caller, error)
}

// Presumer is an Authenticator that can leave a part of its check to the first unit of work of a
// request, where it may cost nothing. [users.Service] is one.
type Presumer interface {
	Authenticator
	// Presume returns the user whom a token names, and a context whose units of work begin with what
	// Authenticate checks besides, until one of them has succeeded. confirm checks that if no unit
	// has, and returns its error: that of Authenticate, or users.ErrSuspended. See
	// users.Service.Presume.
	Presume(ctx context.Context, token string) (presumed context.Context, c users.Caller, confirm func(ctx context.Context) error, err error)
}

// Gate admits or refuses requests. Its methods take the context of a request, which holds a [Call],
// and return the context with which the request continues, or an error that refuses it. A Gate is
// safe for concurrent use.
type Gate struct {
	authenticator Authenticator
	addresses     *limiter[string]
	users         *limiter[id.User]
	admission     *lane // nil for no limit
	noted         noted
	lanes         map[Class]*lane
	bodies        *bodies
	ended         ended
}

// NewGate returns a Gate. It panics if the Authenticator is nil.
func NewGate(a Authenticator, l Limits) *Gate {
	if a == nil {
		panic("edge: NewGate needs an Authenticator")
	}
	return &Gate{
		authenticator: a, addresses: newLimiter[string](l.Anonymous), users: newLimiter[id.User](l.User),
		admission: newAdmission(l.Admission), lanes: newLanes(l),
		bodies: newBodies(l.Bodies),
	}
}

// Anyone admits every request within the limit of its address. It ignores the token.
// Errors: ErrTooManyRequests.
func (g *Gate) Anyone(ctx context.Context) (context.Context, error) {
	return ctx, g.addresses.admit(network(CallFrom(ctx).Address))
}

// SignedIn admits the requests of signed-in users within the limit of each user, and adds the
// caller to the context. A refused token counts against the limit of its address. Errors:
// users.ErrNotSignedIn, ErrTooManyRequests, users.ErrSuspended, and the errors with which the
// Authenticator fails.
func (g *Gate) SignedIn(ctx context.Context) (context.Context, error) {
	ctx, err := g.SignedInOrSuspended(ctx)
	if caller, _ := CallerFrom(ctx); err == nil && caller.Suspended {
		return ctx, users.ErrSuspended
	}
	return ctx, err
}

// SignedInOrSuspended is like [Gate.SignedIn], and also admits users who are suspended. It is for
// what they may still do: see users.Admitted.
func (g *Gate) SignedInOrSuspended(ctx context.Context) (context.Context, error) {
	call := CallFrom(ctx)
	if call.Token == "" {
		return ctx, g.refuse(call, users.ErrNotSignedIn)
	}
	caller, err := g.authenticator.Authenticate(ctx, call.Token)
	return g.admit(ctx, caller, err, users.ErrNotSignedIn)
}

// Presumed is like [Gate.SignedIn], if the Authenticator is a [Presumer], but leaves the check of
// the session to the first unit of work of the request. The caller in the context has only a UserID
// and a SessionID. Before the transport responds, and before anything but a use case relies on the
// caller, [Gate.Confirm] must be called.
func (g *Gate) Presumed(ctx context.Context) (context.Context, error) {
	call := CallFrom(ctx)
	presumer, ok := g.authenticator.(Presumer)
	if !ok || call.Token == "" {
		return g.SignedIn(ctx)
	}
	p := g.presume(ctx, presumer, call.Token)
	if p.err == nil && g.ended.has(p.caller.SessionID) {
		return g.SignedIn(ctx)
	}
	presumed, err := g.admit(p.ctx, p.caller, p.err, users.ErrNotSignedIn)
	return &confirmable{Context: presumed, gate: g, check: p.confirm}, err
}

// confirmable is the context of a request whose caller is presumed.
type confirmable struct {
	context.Context
	gate    *Gate
	check   func(context.Context) error
	once    sync.Once
	refusal error
}

// Value returns the context itself for its key.
func (c *confirmable) Value(key any) any {
	if key == (confirmKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// errUnconfirmed remains if the check panics.
var errUnconfirmed = errors.New("edge: the check of a session has not ended")

// confirm checks the session once, with the context that the gate had then.
func (c *confirmable) confirm() error {
	c.once.Do(func() {
		c.refusal = errUnconfirmed
		c.refusal = c.gate.confirm(c.Context, c.check)
	})
	return c.refusal
}

// Confirm returns the error with which a request is refused if its session does not hold, and err
// otherwise. It must be called with the error with which a request that [Gate.Presumed] has
// admitted is refused, or with nil before the response of one that succeeded. It may be called
// again, and returns err for requests that Presumed has not admitted. Its errors are those of
// [Gate.SignedIn].
//
// It also gives back the place of a request that has arrived, and counts how long it took.
func (g *Gate) Confirm(ctx context.Context, err error) error {
	err = g.confirmed(ctx, err)
	g.depart(ctx, err)
	return err
}

func (g *Gate) confirmed(ctx context.Context, err error) error {
	c, ok := ctx.Value(confirmKey{}).(*confirmable)
	if !ok {
		return err
	}
	refusal := c.confirm()
	if refusal == nil || err != nil && errors.Is(refusal, fault.Unavailable) {
		return err // which may be why the check failed
	}
	return refusal
}

// confirm checks a session that was presumed.
func (g *Gate) confirm(ctx context.Context, check func(context.Context) error) error {
	if err := g.Resume(ctx); err != nil { // the check may read the store
		return err
	}
	err := check(ctx)
	if !errors.Is(err, fault.Unauthenticated) {
		return err
	}
	caller, _ := CallerFrom(ctx)
	g.ended.add(caller.SessionID)
	if watch, watched := ctx.Value(watchKey{}).(*atomic.Pointer[users.Caller]); watched {
		watch.Store(nil)
	}
	return g.refuse(CallFrom(ctx), users.ErrNotSignedIn.Wrap(err))
}

// admit admits what the Authenticator returned. refusal is returned if it did not know the caller.
func (g *Gate) admit(ctx context.Context, caller users.Caller, err error, refusal *fault.Error) (context.Context, error) {
	switch {
	case errors.Is(err, fault.Unauthenticated):
		return ctx, g.refuse(CallFrom(ctx), refusal.Wrap(err))
	case err != nil:
		return ctx, err
	case caller.UserID == id.User{}:
		return ctx, errors.New("edge: the Authenticator returned neither a user nor an error")
	}
	signedIn := &calling{ctx, caller}
	if watch, watched := ctx.Value(watchKey{}).(*atomic.Pointer[users.Caller]); watched {
		watch.Store(&signedIn.caller)
	}
	return signedIn, g.users.admit(caller.UserID)
}

func (g *Gate) refuse(c Call, refusal error) error {
	if err := g.addresses.admit(network(c.Address)); err != nil {
		return err
	}
	return refusal
}

// AdminsOnly admits the requests of admins. It must run after [Gate.SignedIn]. Errors:
// users.ErrAdminsOnly, users.ErrSecondFactorRequired.
func AdminsOnly(ctx context.Context) (context.Context, error) {
	caller, _ := CallerFrom(ctx)
	return ctx, caller.RequireAdmin()
}
