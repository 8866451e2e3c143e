package client_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/client"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// serve serves the health service with some options, and returns its address.
func serve(t *testing.T, opts ...grpc.ServerOption) (address string, probe *health.Server) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, probe := grpc.NewServer(opts...), health.NewServer()
	grpc_health_v1.RegisterHealthServer(server, probe)
	go func() { _ = server.Serve(listener) }() // it ends with the test
	t.Cleanup(server.Stop)
	return listener.Addr().String(), probe
}

func connect(t *testing.T, transport client.Transport) *client.Client {
	t.Helper()
	c, err := client.New(transport)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestAddresses(t *testing.T) {
	for _, bad := range []string{
		"", "localhost", "grpc://localhost", "http://localhost:80", "grpc://localhost:80/path", "grpcs://user@localhost:80", "grpc://localhost:80?x",
		"grpc://%zz:80",
	} {
		if c, err := client.New(client.GRPC(bad)); c != nil || err == nil {
			t.Errorf("gRPC to %q: got %v, %v", bad, c, err)
		}
	}
	if c, err := client.New(client.HTTP("grpc://localhost:80")); c != nil || err == nil {
		t.Errorf("HTTP to another protocol: got %v, %v", c, err)
	}
	address, _ := serve(t)
	for _, good := range []string{address, "grpc://" + address} {
		if err := connect(t, client.GRPC(good)).Healthy(t.Context()); err != nil {
			t.Errorf("gRPC to %s: %v", good, err)
		}
	}
}

// TestTLS checks that grpcs trusts the certificates of the system alone, unless options say otherwise.
func TestTLS(t *testing.T) {
	known := httptest.NewTLSServer(nil)
	defer known.Close()
	roots := x509.NewCertPool()
	roots.AddCert(known.Certificate())
	address, _ := serve(t, grpc.Creds(credentials.NewServerTLSFromCert(&known.TLS.Certificates[0])))
	for name, c := range map[string]struct {
		transport client.Transport
		want      error
	}{
		"of the system": {client.GRPC("grpcs://" + address), fault.Unavailable},
		"without TLS":   {client.GRPC("grpc://" + address), fault.Unavailable},
		"of an option":  {client.GRPC("grpcs://"+address, grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(roots, ""))), nil},
	} {
		if err := connect(t, c.transport).Healthy(t.Context()); !errors.Is(err, c.want) {
			t.Errorf("certificates %s: got %v, want %v", name, err, c.want)
		}
	}
}

func TestReadiness(t *testing.T) {
	address, probe := serve(t)
	c := connect(t, client.GRPC(address))
	if err := c.Ready(t.Context()); err != nil {
		t.Errorf("a server that is ready: %v", err)
	}
	probe.SetServingStatus("", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	if err := c.Ready(t.Context()); !errors.Is(err, httpapi.ErrNotReady) {
		t.Errorf("a server that is not ready: %v", err)
	}
	if err := c.Healthy(t.Context()); err != nil {
		t.Errorf("a server that is not ready runs: %v", err)
	}
}

// TestUnreachable checks the errors of calls that no server answers, over both protocols.
func TestUnreachable(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // it accepts connections, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, of := range map[string]func(address string) client.Transport{
		"HTTP": func(address string) client.Transport { return client.HTTP("http://" + address) },
		"gRPC": func(address string) client.Transport { return client.GRPC(address) },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := connect(t, of("127.0.0.1:1")).Me(t.Context())
			if !errors.Is(err, fault.Unavailable) {
				t.Errorf("no server: %v", err)
			}
			c := connect(t, of(silent.Addr().String()))
			late, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if _, err := c.Me(late); !errors.Is(err, fault.Unavailable) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a deadline: %v", err)
			}
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := c.Me(ended); !errors.Is(err, context.Canceled) || errors.Is(err, fault.Unavailable) {
				t.Errorf("a context that has ended: %v", err)
			}
			if _, err := c.ExportMe(ended); !errors.Is(err, context.Canceled) {
				t.Errorf("an export whose context has ended: %v", err)
			}
		})
	}
}

// TestWithout checks what only HTTP has, and calls of another server.
func TestWithout(t *testing.T) {
	address, _ := serve(t)
	c := connect(t, client.GRPC(address))
	if _, err := c.OpenAPI(t.Context()); !errors.Is(err, fault.Unimplemented) {
		t.Errorf("OpenAPI: %v", err)
	}
	if _, err := c.Me(t.Context()); !errors.Is(err, fault.Unimplemented) {
		t.Errorf("a server without the method: %v", err)
	}
	asked := 0
	for _, err := range c.Events(t.Context(), "") {
		if asked++; !errors.Is(err, fault.Unimplemented) {
			t.Errorf("events: %v", err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	if err := c.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := c.Healthy(t.Context()); err == nil {
		t.Error("a client that is closed has called")
	}
}
