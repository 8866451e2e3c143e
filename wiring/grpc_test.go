package wiring_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"

	"github.com/go-kit/kit/endpoint"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/grpcapi"
	policyv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/policy/v1"
	"github.com/cicerone-go/cicerone/transport/kitgrpc"
	"github.com/cicerone-go/cicerone/wiring"
)

// dial serves the gRPC API of an App, and connects to it.
func dial(t *testing.T, app *wiring.App) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	server := app.NewGRPCServer()
	go func() { _ = server.Serve(listener) }() // it ends with the test
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:app", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestGRPCServer checks what Config does for calls, and that they end with the App: those in flight are
// waited for, and later ones are refused.
func TestGRPCServer(t *testing.T) {
	c := wiring.DefaultConfig()
	c.PasswordCost, c.Log = 4, slog.New(slog.DiscardHandler)
	var mu sync.Mutex
	var first atomic.Bool
	var address string
	var observed []grpcapi.Exchange
	c.ClientAddress = func(r *http.Request) string { return r.Header.Get("X-Forwarded-For") }
	c.ObserveCall = func(_ context.Context, x grpcapi.Exchange) {
		mu.Lock()
		defer mu.Unlock()
		observed = append(observed, x)
	}
	inside, goOn := make(chan struct{}), make(chan struct{})
	c.Middleware = []endpoint.Middleware{func(next endpoint.Endpoint) endpoint.Endpoint {
		return func(ctx context.Context, request any) (any, error) {
			if first.CompareAndSwap(false, true) {
				address = edge.CallFrom(ctx).Address
				close(inside)
				<-goOn
			}
			return next(ctx, request)
		}
	}}
	app, err := wiring.New(t.Context(), c, memory.New())
	if err != nil {
		t.Fatal(err)
	}
	conn := dial(t, app)
	policy := policyv1.NewPolicyServiceClient(conn)
	health := func() grpc_health_v1.HealthCheckResponse_ServingStatus {
		h, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
		if err != nil {
			t.Error(err)
		}
		return h.GetStatus()
	}
	answered := make(chan error)
	go func() {
		ctx := metadata.AppendToOutgoingContext(context.WithoutCancel(t.Context()), "x-forwarded-for", "192.0.2.7")
		_, err := policy.Policy(ctx, &policyv1.PolicyRequest{})
		answered <- err
	}()
	<-inside
	if got := health(); got != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("the health is %v", got)
	}
	app.Drain()
	if got := health(); got != grpc_health_v1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("the health is %v while the server drains", got)
	}
	closed := make(chan error)
	go func() { closed <- app.Close(context.WithoutCancel(t.Context())) }()
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		_, err := policy.Policy(t.Context(), &policyv1.PolicyRequest{})
		if errors.Is(kitgrpc.FaultOf(t.Context(), err), edge.ErrClosing) {
			break
		}
		if time.Since(begun) > 10*time.Second {
			t.Fatalf("a call after Close: %v, want %v", err, edge.ErrClosing)
		}
	}
	select {
	case err := <-closed:
		t.Errorf("Close did not wait for the call in flight: %v", err)
	default:
	}
	close(goOn)
	if err := errors.Join(<-answered, <-closed); err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if address != "192.0.2.7" || !slices.ContainsFunc(observed, func(x grpcapi.Exchange) bool { return x.Code == codes.OK }) {
		t.Errorf("got the address %q and %v observed", address, observed)
	}
}
