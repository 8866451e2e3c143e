package client

import (
	"google.golang.org/grpc"

	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Client calls a server.
type Client = httpapi.Client

// Transport is how a client reaches its server: [HTTP] or [GRPC].
type Transport func() (*Client, error)

// New returns a client that is not signed in; see [httpapi.Client.As]. The caller closes it. New does
// not wait for a connection. It returns an error if the address or an option is not valid.
func New(t Transport) (*Client, error) { return t() }

// HTTP is for the server at base, an http or https URL, which may have a path.
func HTTP(base string, opts ...kithttp.ClientOption) Transport {
	return func() (*Client, error) { return httpapi.NewClient(base, opts...) }
}

// GRPC is for the server at address, which is grpcs://host:port for TLS, and grpc://host:port or
// host:port without it. Options are added to those of the client, and may replace them: another
// configuration of TLS is [grpc.WithTransportCredentials].
func GRPC(address string, opts ...grpc.DialOption) Transport {
	return func() (*Client, error) {
		t, err := dial(address, opts)
		if err != nil {
			return nil, err
		}
		return httpapi.NewClientOver(t), nil
	}
}
