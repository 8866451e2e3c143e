package edge

import (
	"context"
	"net"
	"sync/atomic"

	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/users"
)

// Call is what a transport knows about a request before it decodes it.
type Call struct {
	Operation string // the operation's name, the same in every process because cursors are bound to it
	Token     string // the caller's token, for the Authenticator; "" if the request has none
	Address   string // the client's IP address, without a port
	Client    string // the client program, as it calls itself; "" if it does not
	Languages string // which the user prefers, as in the header Accept-Language of HTTP; "" if they are not known
}

type (
	callKey   struct{}
	callerKey struct{}
	watchKey  struct{}

	confirmKey struct{} // of the context that confirms a caller
)

// called is the context of a request with its call.
type called struct {
	context.Context
	call Call
}

// Value returns a pointer to the call for its key.
func (c *called) Value(key any) any {
	if key == (callKey{}) {
		return &c.call
	}
	return c.Context.Value(key)
}

// calling is the context of a request with its caller.
type calling struct {
	context.Context
	caller users.Caller
}

// Value returns a pointer to the caller for its key.
func (c *calling) Value(key any) any {
	if key == (callerKey{}) {
		return &c.caller
	}
	return c.Context.Value(key)
}

// WithCall returns a context that holds the call. Every transport makes one for each request. When
// the endpoint has returned, [idempotency.Replayed] reports whether the answer is an earlier one,
// so that the transport can tell the client.
func WithCall(ctx context.Context, c Call) context.Context {
	return &called{idempotency.Watch(ctx), c}
}

// CallFrom returns the call of the current request, or the zero Call if ctx has none.
func CallFrom(ctx context.Context) Call {
	if c, ok := ctx.Value(callKey{}).(*Call); ok {
		return *c
	}
	return Call{}
}

// WithCaller returns a context that holds the caller, as [Gate.SignedIn] does. A host needs it only
// for its own gates.
func WithCaller(ctx context.Context, c users.Caller) context.Context {
	return &calling{ctx, c}
}

// CallerFrom returns the signed-in caller of the current request. ok is false if the caller is not
// signed in, or if no gate has checked.
func CallerFrom(ctx context.Context) (c users.Caller, ok bool) {
	if found, ok := ctx.Value(callerKey{}).(*users.Caller); ok {
		return *found, true
	}
	return c, false
}

// watched is the context of a request, with its caller, once that is known, and its place.
type watched struct {
	context.Context
	caller  atomic.Pointer[users.Caller]
	arrival arrival
}

// Value returns what is watched for its key.
func (w *watched) Value(key any) any {
	switch key {
	case watchKey{}:
		return &w.caller
	case arrivalKey{}:
		return &w.arrival
	}
	return w.Context.Value(key)
}

// Watch returns a context for one request. If [Gate.SignedIn] is called with that context, or with
// one derived from it, and identifies the caller, [Watched] returns the caller. [users.Noted]
// returns what a use case notes. [Gate.Arrive] needs such a context.
func Watch(ctx context.Context) context.Context {
	return &watched{Context: users.Watch(ctx)}
}

// Watched returns the signed-in caller of a request to a transport that is outside of the gate, for
// its log: also of a request that was refused because of a limit or a role. ok is false if the
// caller was not identified, or if ctx does not come from Watch.
func Watched(ctx context.Context) (c users.Caller, ok bool) {
	watch, watched := ctx.Value(watchKey{}).(*atomic.Pointer[users.Caller])
	if !watched {
		return c, false
	}
	identified := watch.Load()
	if identified == nil {
		return c, false
	}
	return *identified, true
}

// PeerAddress returns the address part of "address:port", the form in which net/http and net.Addr
// write the other end of a connection. Text without a port is returned unchanged. Behind a proxy,
// the peer is the proxy.
func PeerAddress(peer string) string {
	host, _, err := net.SplitHostPort(peer)
	if err != nil {
		return peer
	}
	return host
}
