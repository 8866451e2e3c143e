package sqlitetest

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	otelcodes "go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	otel "go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/cicerone-go/cicerone/adapters/internal/wired"
	"github.com/cicerone-go/cicerone/adapters/traces"
	"github.com/cicerone-go/cicerone/ports"
	authv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/auth/v1"
	"github.com/cicerone-go/cicerone/wiring"
	"github.com/cicerone-go/cicerone/wiring/sqlite"
)

// traceParent is the header of a request that is a part of the trace with traceID.
const (
	traceID     = "0af7651916cd43dd8448eb211c80319c"
	parentID    = "b7ad6b7169203331"
	traceParent = "00-" + traceID + "-" + parentID + "-01"
)

// traced returns an App on SQLite, and what keeps its spans.
func traced(t *testing.T) (*wiring.App, *tracetest.InMemoryExporter) {
	t.Helper()
	spans := tracetest.NewInMemoryExporter()
	provider := sdk.NewTracerProvider(sdk.WithSyncer(spans))
	c := wired.Config()
	c.Tracer = provider
	c.Decorate = func(s ports.Storage) ports.Storage { return traces.Storage(s, provider) }
	app, err := sqlite.New(t.Context(), filepath.Join(t.TempDir(), "a.db"), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return app, spans
}

func spanOf(t *testing.T, made tracetest.SpanStubs, name string) tracetest.SpanStub {
	t.Helper()
	i := slices.IndexFunc(made, func(s tracetest.SpanStub) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("there is no span %q in %v", name, made)
	}
	return made[i]
}

// nested checks that the spans are inside one another, and the outer one in the trace that the
// request names. It returns the outer one.
func nested(t *testing.T, made tracetest.SpanStubs, transport, useCase, unit string) tracetest.SpanStub {
	t.Helper()
	outer, service, store := spanOf(t, made, transport), spanOf(t, made, useCase), spanOf(t, made, unit)
	if outer.SpanKind != otel.SpanKindServer || store.SpanKind != otel.SpanKindClient {
		t.Errorf("got the kinds %v and %v", outer.SpanKind, store.SpanKind)
	}
	if outer.Parent.SpanID().String() != parentID || outer.SpanContext.TraceID().String() != traceID {
		t.Errorf("the span of the request is not in the trace of its header: %v", outer.Parent)
	}
	if service.Parent.SpanID() != outer.SpanContext.SpanID() || store.Parent.SpanID() != service.SpanContext.SpanID() {
		t.Error("the spans are not inside one another")
	}
	return outer
}

// impersonal checks that the spans say nothing of Ada.
func impersonal(t *testing.T, made tracetest.SpanStubs) {
	t.Helper()
	said := fmt.Sprintf("%+v", made)
	for _, personal := range []string{"example.net", "Lovelace", "long enough", "wrong wrong"} {
		if strings.Contains(said, personal) {
			t.Errorf("the spans have personal data: %s", said)
		}
	}
}

// TestTraces checks that a request makes spans of the transport, the use case and the store, each
// inside the other, in the trace that the request names, and that no person is in them.
func TestTraces(t *testing.T) {
	app, spans := traced(t)
	ask := func(method, path, body string) (status int, made tracetest.SpanStubs) {
		spans.Reset()
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Traceparent", traceParent)
		answer := httptest.NewRecorder()
		app.Handler.ServeHTTP(answer, r)
		return answer.Code, spans.GetSpans()
	}

	status, made := ask("POST", "/v1/auth/signup", `{"name":"Ada Lovelace","email":"ada@example.net","password":"long enough"}`)
	if status != 201 || len(made) < 3 {
		t.Fatalf("got status %d and the spans %v", status, made)
	}
	find := func(name string) tracetest.SpanStub { return spanOf(t, made, name) }
	outer := nested(t, made, "POST /v1/auth/signup", "service signUp", "store write")
	impersonal(t, made)
	if got := fmt.Sprint(outer.Attributes); !strings.Contains(got, "http.response.status_code") || !strings.Contains(got, "201") {
		t.Errorf("got the attributes %s", got)
	}

	_, made = ask("POST", "/v1/auth/login", `{"email":"ada@example.net","password":"wrong wrong"}`)
	if refused := find("service logIn"); !strings.Contains(fmt.Sprint(refused.Attributes), "sign_in") || refused.Status.Description != "" {
		t.Errorf("a refusal: %v %v", refused.Attributes, refused.Status)
	}
	_, made = ask("GET", "/v1/nonsense/ada@example.net", "")
	if len(made) != 1 || made[0].Name != "GET" || strings.Contains(fmt.Sprintf("%+v", made), "nonsense") {
		t.Errorf("an unknown path: %+v", made)
	}
}

// TestTracesOfCalls checks the same of calls over gRPC.
func TestTracesOfCalls(t *testing.T) {
	app, spans := traced(t)
	listener := bufconn.Listen(64 << 10)
	server := app.NewGRPCServer()
	go func() { _ = server.Serve(listener) }() // it ends with the test
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:app", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	auth := authv1.NewAuthServiceClient(conn)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "traceparent", traceParent)
	const service = "/cicerone.auth.v1.AuthService/"
	attributes := func(s tracetest.SpanStub) map[string]string {
		all := map[string]string{}
		for _, a := range s.Attributes {
			all[string(a.Key)] = a.Value.String()
		}
		return all
	}

	if _, err := auth.SignUp(ctx, &authv1.SignUpRequest{Name: "Ada Lovelace", Email: "ada@example.net", Password: "long enough"}); err != nil {
		t.Fatal(err)
	}
	made := spans.GetSpans()
	outer := nested(t, made, service+"SignUp", "service signUp", "store write")
	impersonal(t, made)
	want := map[string]string{"rpc.system": "grpc", "rpc.method": service + "SignUp", "rpc.grpc.status_code": "0"}
	if got := attributes(outer); !maps.Equal(got, want) {
		t.Errorf("got the attributes %v, want %v", got, want)
	}

	spans.Reset()
	if _, err := auth.LogIn(ctx, &authv1.LogInRequest{Email: "ada@example.net", Password: "wrong wrong"}); status.Code(err) != codes.Unauthenticated {
		t.Fatalf("got %v", err)
	}
	made = spans.GetSpans()
	impersonal(t, made)
	outer = nested(t, made, service+"LogIn", "service logIn", "store read")
	if got := attributes(outer)["rpc.grpc.status_code"]; got != "16" || outer.Status.Code != otelcodes.Unset {
		t.Errorf("a refusal has the code %s and the status %v", got, outer.Status)
	}
}
