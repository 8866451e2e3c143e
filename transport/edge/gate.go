package edge

import (
	"context"
	"errors"
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

// Gate admits or refuses requests. Its methods take the context of a request, which holds a [Call],
// and return the context with which the request continues, or an error that refuses it. A Gate is
// safe for concurrent use.
type Gate struct {
	authenticator Authenticator
	addresses     *limiter
	users         *limiter
	lanes         map[Class]*lane
	bodies        *bodies
}

// NewGate returns a Gate. It panics if the Authenticator is nil.
func NewGate(a Authenticator, l Limits) *Gate {
	if a == nil {
		panic("edge: NewGate needs an Authenticator")
	}
	return &Gate{
		authenticator: a, addresses: newLimiter(l.Anonymous), users: newLimiter(l.User),
		lanes:  newLanes(l),
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
	if watch, watched := ctx.Value(watchKey{}).(*atomic.Pointer[users.Caller]); watched {
		watch.Store(&caller)
	}
	return WithCaller(ctx, caller), g.users.admit(caller.UserID.String())
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
