package wiring_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path"
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
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	"github.com/go-kit/kit/endpoint"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/grpcapi"
	accountv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/account/v1"
	authv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/auth/v1"
	policyv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/policy/v1"
	"github.com/cicerone-go/cicerone/transport/kitgrpc"
	"github.com/cicerone-go/cicerone/wiring"
)

// dial serves the gRPC API of an App, and connects to it.
func dial(t *testing.T, app *wiring.App, options ...grpc.ServerOption) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	server := app.NewGRPCServer(options...)
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

// TestInterceptors checks that interceptors of a host see the messages and the ends of calls with and
// without streams, and can refuse calls.
func TestInterceptors(t *testing.T) {
	c := wiring.DefaultConfig()
	c.PasswordCost, c.Log = 4, slog.New(slog.DiscardHandler)
	var mu sync.Mutex
	var seen []string
	see := func(method string, request, response any, err error) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, fmt.Sprintf("%s %T %T %v", path.Base(method), request, response, status.Code(err)))
	}
	codesOf := map[string]codes.Code{}
	c.ObserveCall = func(_ context.Context, x grpcapi.Exchange) {
		mu.Lock()
		defer mu.Unlock()
		codesOf[path.Base(x.Method)] = x.Code
	}
	app, err := wiring.New(t.Context(), c, memory.New())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	conn := dial(t, app,
		grpc.ChainUnaryInterceptor(func(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			response, err := next(ctx, request)
			see(info.FullMethod, request, response, err)
			return response, err
		}, func(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			if info.FullMethod == policyv1.PolicyService_Policy_FullMethodName {
				return nil, status.Error(codes.PermissionDenied, "not here")
			}
			if in, ok := request.(*authv1.SignUpRequest); ok {
				in.Name = "Ada of the host"
			}
			return next(ctx, request)
		}),
		grpc.ChainStreamInterceptor(func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			s := &seenStream{ServerStream: stream}
			err := next(srv, s)
			see(info.FullMethod, s.request, s.response, err)
			return err
		}),
	)
	auth := authv1.NewAuthServiceClient(conn)
	in, err := auth.SignUp(t.Context(), &authv1.SignUpRequest{Name: "Ada", Email: "ada@example.net", Password: "long enough"})
	if err != nil || in.GetUser().GetName() != "Ada of the host" {
		t.Fatalf("got %v, %v, want the name that the interceptor gives", in, err)
	}
	_, err = auth.LogIn(t.Context(), &authv1.LogInRequest{Email: "ada@example.net", Password: "wrong wrong"})
	if got := kitgrpc.FaultOf(t.Context(), err); !errors.Is(got, users.ErrSignIn) {
		t.Errorf("got %v, want the refusal with its details", got)
	}
	_, err = policyv1.NewPolicyServiceClient(conn).Policy(t.Context(), &policyv1.PolicyRequest{})
	if s := status.Convert(err); s.Code() != codes.PermissionDenied || s.Message() != "not here" {
		t.Errorf("got %v, want the refusal of the interceptor", err)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+in.GetAccessToken())
	export, err := accountv1.NewAccountServiceClient(conn).ExportMe(ctx, &accountv1.ExportMeRequest{})
	for err == nil {
		_, err = export.Recv()
	}
	if !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if _, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	want := []string{
		"SignUp *authv1.SignUpRequest *authv1.SignedIn OK", "LogIn *authv1.LogInRequest <nil> Unauthenticated",
		"Policy *policyv1.PolicyRequest <nil> PermissionDenied", "ExportMe *accountv1.ExportMeRequest *accountv1.ExportMeResponse OK",
		"Check *grpc_health_v1.HealthCheckRequest *grpc_health_v1.HealthCheckResponse OK",
	}
	if !slices.Equal(seen, want) {
		t.Errorf("the interceptors saw %q, want %q", seen, want)
	}
	if codesOf["Policy"] != codes.PermissionDenied {
		t.Errorf("observed %v", codesOf)
	}
}

// seenStream keeps the last messages of a stream.
type seenStream struct {
	grpc.ServerStream
	request, response proto.Message
}

func (s *seenStream) RecvMsg(m any) error {
	err := s.ServerStream.RecvMsg(m)
	if err == nil {
		s.request = m.(proto.Message).ProtoReflect().Interface()
	}
	return err
}

func (s *seenStream) SendMsg(m any) error {
	s.response = m.(proto.Message)
	return s.ServerStream.SendMsg(m)
}
