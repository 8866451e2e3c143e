package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/cicerone-go/cicerone/transport/grpcapi"
	"github.com/cicerone-go/cicerone/wiring"
)

// grpcSettings are the flags of the gRPC API.
type grpcSettings struct {
	Addr       string `placeholder:"HOST:PORT" help:"The address on which the gRPC API is served, with the certificate of --tls-cert if there is one. Default: no gRPC."`
	Reflection bool   `default:"true" negatable:"" help:"Let clients of gRPC read the .proto files. Default: yes."`
}

// address returns the address of gRPC, or nil if it is not served.
func (s grpcSettings) address() (*net.TCPAddr, error) {
	if s.Addr == "" {
		return nil, nil //nolint:nilnil // without the flag there is none
	}
	address, err := net.ResolveTCPAddr("tcp", s.Addr)
	if err != nil {
		return nil, fmt.Errorf("--grpc-addr: %w", err)
	}
	return address, nil
}

// isReachable reports whether other machines can reach an address, which may be nil.
func isReachable(address *net.TCPAddr) bool { return address != nil && !address.IP.IsLoopback() }

// rpc serves the gRPC API on a listener. The zero value serves nothing.
type rpc struct {
	server *grpcapi.Server
	ended  chan error // has the error with which the listener ended
}

// newRPC starts to serve, with TLS if there is a certificate.
func newRPC(listener net.Listener, app *wiring.App, cert *certificate) rpc {
	var options []grpc.ServerOption
	if cert != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(cert.config())))
	}
	r := rpc{server: app.NewGRPCServer(options...), ended: make(chan error, 1)}
	go func() { r.ended <- r.server.Serve(listener) }()
	return r
}

// close closes the listener and all connections.
func (r rpc) close() { r.server.Stop() }

// finish stops accepting connections and waits for the calls in flight. After finishRequests it ends
// them.
func (r rpc) finish(log *slog.Logger) {
	if r.server == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), finishRequests)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			log.Warn("ended calls that took too long to finish", slog.Duration("waited", finishRequests))
			r.server.Stop()
		}
	})
	defer stop()
	r.server.GracefulStop()
}
