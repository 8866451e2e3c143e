package edge

import (
	"context"
	"net"

	"github.com/cicerone-go/cicerone/core/users"
)

// Call is what a transport knows of a request before it reads it.
type Call struct {
	Operation string // names the operation, the same in every process: cursors are bound to it
	Token     string // of the caller, for the Authenticator; "" if the request has none
	Address   string // the client's IP address, without a port
}

type (
	callKey   struct{}
	callerKey struct{}
)

// WithCall returns a context that holds the call. Every transport makes one for each request.
func WithCall(ctx context.Context, c Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// CallFrom returns the call of the request under way, or the zero Call outside of one.
func CallFrom(ctx context.Context) Call {
	c, _ := ctx.Value(callKey{}).(Call)
	return c
}

// WithCaller returns a context that holds the caller, as [Gate.SignedIn] does. It is for gates of a
// host's own.
func WithCaller(ctx context.Context, c users.Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom returns the signed-in caller of the request under way. ok is false if nobody is signed
// in, or if no gate has asked.
func CallerFrom(ctx context.Context) (c users.Caller, ok bool) {
	c, ok = ctx.Value(callerKey{}).(users.Caller)
	return c, ok
}

// PeerAddress returns the address of "address:port", as net/http and net.Addr write the other end of
// a connection. Text without a port is returned as it is. Behind a proxy, the peer is the proxy.
func PeerAddress(peer string) string {
	host, _, err := net.SplitHostPort(peer)
	if err != nil {
		return peer
	}
	return host
}
