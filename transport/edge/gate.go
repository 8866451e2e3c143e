package edge

import (
	"context"
	"errors"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
)

// Authenticator finds out who calls. [users.Service] is one, for access tokens that name a session;
// a host may bring its own.
type Authenticator interface {
	// Authenticate returns the user who holds the token, which is not empty. It runs once for every
	// request of a signed-in user, so the role must be that of now, and the account of an inactive
	// user must be refused. An error of kind fault.Unauthenticated refuses the token; any other one
	// means that the Authenticator could not find out. SessionID may be zero if there is no session.
	Authenticate(ctx context.Context, token string) (users.Caller, error)
}

// Gate decides which requests come in. Its methods take the context of a request that holds a [Call],
// and return the context with which the request continues, or the refusal. It is safe for concurrent
// use.
type Gate struct {
	authenticator Authenticator
	addresses     *limiter
	users         *limiter
}

// NewGate makes a Gate. It panics if the Authenticator is nil.
func NewGate(a Authenticator, l Limits) *Gate {
	if a == nil {
		panic("edge: NewGate needs an Authenticator")
	}
	return &Gate{authenticator: a, addresses: newLimiter(l.Anonymous), users: newLimiter(l.User)}
}

// Anyone lets in every request within the limit of its address. It does not look at the token.
// Errors: ErrTooManyRequests.
func (g *Gate) Anyone(ctx context.Context) (context.Context, error) {
	return ctx, g.addresses.admit(network(CallFrom(ctx).Address))
}

// SignedIn lets in requests of signed-in users within the limit of their user, and adds the caller to
// the context. A failed try counts against the limit of its address. Errors: users.ErrNotSignedIn,
// ErrTooManyRequests, and those by which the Authenticator fails.
func (g *Gate) SignedIn(ctx context.Context) (context.Context, error) {
	call := CallFrom(ctx)
	if call.Token == "" {
		return ctx, g.refuse(call, users.ErrNotSignedIn)
	}
	caller, err := g.authenticator.Authenticate(ctx, call.Token)
	switch {
	case errors.Is(err, fault.Unauthenticated):
		return ctx, g.refuse(call, users.ErrNotSignedIn.Because(err))
	case err != nil:
		return ctx, err
	case caller.UserID == id.User{}:
		return ctx, errors.New("edge: the Authenticator returned neither a user nor an error")
	}
	return WithCaller(ctx, caller), g.users.admit(caller.UserID.String())
}

func (g *Gate) refuse(c Call, refusal error) error {
	if err := g.addresses.admit(network(c.Address)); err != nil {
		return err
	}
	return refusal
}

// AdminsOnly lets in requests of admins. It is asked after [Gate.SignedIn]. Errors:
// users.ErrAdminsOnly.
func AdminsOnly(ctx context.Context) (context.Context, error) {
	caller, _ := CallerFrom(ctx)
	return ctx, caller.RequireAdmin()
}
