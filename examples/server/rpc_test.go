package main_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	accountv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/account/v1"
	authv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/auth/v1"
	livev1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/live/v1"
	messagingv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/messaging/v1"
)

var grpcAddress = regexp.MustCompile(`grpc://([^ \n]+)`)

// grpcAddress returns the address of the gRPC API of a server.
func (p *process) grpcAddress(t *testing.T) string {
	t.Helper()
	found := grpcAddress.FindStringSubmatch(p.said)
	if found == nil {
		t.Fatalf("the server does not say where gRPC is:\n%s", p.said)
	}
	return found[1]
}

// dial connects to the gRPC API of a server.
func (p *process) dial(t *testing.T) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(p.grpcAddress(t), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// signedIn returns a context with the access token of a demo account.
func signedIn(t *testing.T, conn *grpc.ClientConn, email string) context.Context {
	t.Helper()
	in, err := authv1.NewAuthServiceClient(conn).LogIn(t.Context(), &authv1.LogInRequest{Email: email, Password: "cicerone-demo"})
	if err != nil {
		t.Fatal(err)
	}
	return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+in.GetAccessToken())
}

func TestGRPC(t *testing.T) {
	t.Parallel()
	p := start(t, "--grpc-addr", "localhost:0", "--metrics-addr", "localhost:0")
	conn := p.dial(t)
	ctx := signedIn(t, conn, "voyager@example.org")
	me, err := accountv1.NewAccountServiceClient(conn).Me(ctx, &accountv1.MeRequest{})
	if err != nil || me.GetEmail() != "voyager@example.org" || me.GetRole() != accountv1.Role_ROLE_USER {
		t.Errorf("got %v, %v", me, err)
	}
	if _, err := accountv1.NewAccountServiceClient(conn).Me(t.Context(), &accountv1.MeRequest{}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("got %v without a token", err)
	}
	health := grpc_health_v1.NewHealthClient(conn)
	for service, want := range map[string]codes.Code{"": codes.OK, "cicerone.messaging.v1.MessagingService": codes.OK, "nonsense": codes.NotFound} {
		h, err := health.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: service})
		if status.Code(err) != want || err == nil && h.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
			t.Errorf("health of %q: %v, %v", service, h, err)
		}
	}
	if err := reflectServices(t.Context(), conn); err != nil {
		t.Errorf("reflection: %v", err)
	}
	response, err := http.Get(metricsAddress.FindString(p.logged()))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	want := `cicerone_grpc_calls_total{code="Unauthenticated",method="/cicerone.account.v1.AccountService/Me"} 1`
	if err != nil || !strings.Contains(string(body), want) {
		t.Errorf("the metrics do not have %s (%v)", want, err)
	}
}

// reflectServices asks a server for the names of its services.
func reflectServices(ctx context.Context, conn *grpc.ClientConn) error {
	stream, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		return err
	}
	err = stream.Send(&grpc_reflection_v1.ServerReflectionRequest{MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{}})
	if err != nil && !errors.Is(err, io.EOF) { // Recv tells why the stream has ended already
		return err
	}
	answer, err := stream.Recv()
	if err == nil && len(answer.GetListServicesResponse().GetService()) < 10 {
		err = errors.New("too few services")
	}
	return err
}

func TestNoReflection(t *testing.T) {
	t.Parallel()
	p := start(t, "--grpc-addr", "localhost:0", "--no-grpc-reflection", "--no-demo")
	if err := reflectServices(t.Context(), p.dial(t)); status.Code(err) != codes.Unimplemented {
		t.Errorf("got %v, want %v", err, codes.Unimplemented)
	}
}

// TestGRPCFinishesCalls checks that a server that ends answers the call in flight, ends the streams, and
// tells those who watch its health.
func TestGRPCFinishesCalls(t *testing.T) {
	t.Parallel()
	p := start(t, "--grpc-addr", "localhost:0", "--drain-delay", "1s")
	conn := p.dial(t)
	ctx := signedIn(t, conn, "voyager@example.org")
	client := messagingv1.NewMessagingServiceClient(conn)
	conversations, err := client.Conversations(ctx, &messagingv1.ConversationsRequest{})
	if err != nil || len(conversations.GetItems()) == 0 {
		t.Fatalf("got %v, %v", conversations, err)
	}
	upload, err := client.SendAttachment(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := upload.Send(&messagingv1.SendAttachmentRequest{Piece: &messagingv1.SendAttachmentRequest_Start_{Start: &messagingv1.SendAttachmentRequest_Start{
		Message: &messagingv1.SendRequest{Id: conversations.GetItems()[0].GetId()}, MediaType: "image/gif",
	}}}); err != nil {
		t.Fatal(err)
	}
	watch, err := grpc_health_v1.NewHealthClient(conn).Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if h, err := watch.Recv(); err != nil || h.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Fatalf("got %v, %v", h, err)
	}
	events, err := livev1.NewLiveServiceClient(conn).LiveEvents(ctx, &livev1.LiveEventsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := events.Recv(); err != nil {
		t.Fatal(err)
	}

	p.signal(t, os.Signal(syscall.SIGTERM))
	for err == nil {
		_, err = events.Recv()
	}
	if !errors.Is(err, io.EOF) {
		t.Errorf("the stream of events ended with %v, want its end", err)
	}
	var last grpc_health_v1.HealthCheckResponse_ServingStatus
	for err = nil; err == nil; {
		var h *grpc_health_v1.HealthCheckResponse
		if h, err = watch.Recv(); err == nil {
			last = h.GetStatus()
		}
	}
	if last != grpc_health_v1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("the last that was told of the health is %v", last)
	}
	pixel := "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
	if err := upload.Send(&messagingv1.SendAttachmentRequest{Piece: &messagingv1.SendAttachmentRequest_Data{Data: []byte(pixel)}}); err != nil {
		t.Fatal(err)
	}
	if m, err := upload.CloseAndRecv(); err != nil || m.GetAttachment() == "" {
		t.Errorf("the call in flight: %v, %v", m, err)
	}
	if code, killed := p.wait(t); code != 0 {
		t.Errorf("exit code %d, %v, want 0", code, killed)
	}
}

// TestGRPCAddresses checks the addresses on which the server does not serve gRPC.
func TestGRPCAddresses(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"--grpc-addr nonsense":             "--grpc-addr",
		"--grpc-addr 0.0.0.0:0 --mail log": "the password of the demo accounts is public",
	} {
		code, _, stderr := run(t, nil, append([]string{"--addr", "localhost:0", "--store", "memory"}, strings.Fields(args)...)...)
		if code == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %s", args, code, stderr)
		}
	}
}

// TestGRPCConnections checks that the connections of an address are limited, idle ones included.
func TestGRPCConnections(t *testing.T) {
	t.Parallel()
	p := start(t, "--grpc-addr", "localhost:0", "--no-demo", "--max-connections-per-address", "2")
	check := func(conn *grpc.ClientConn) error {
		_, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
		return err
	}
	for range 2 {
		if err := check(p.dial(t)); err != nil {
			t.Fatal(err)
		}
	}
	if err := check(p.dial(t)); status.Code(err) != codes.Unavailable {
		t.Errorf("a third connection: %v, want %v", err, codes.Unavailable)
	}
}
