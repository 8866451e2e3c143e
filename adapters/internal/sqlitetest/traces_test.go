package sqlitetest

import (
	"context"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	otel "go.opentelemetry.io/otel/trace"

	"github.com/cicerone-go/cicerone/adapters/internal/wired"
	"github.com/cicerone-go/cicerone/adapters/traces"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring/sqlite"
)

// TestTraces checks that a request makes spans of the transport, the use case and the store, each
// inside the other, in the trace that the request names, and that no person is in them.
func TestTraces(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	provider := sdk.NewTracerProvider(sdk.WithSyncer(spans))
	c := wired.Config()
	c.Tracer = provider
	c.Decorate = func(s ports.Storage) ports.Storage { return traces.Storage(s, provider) }
	app, err := sqlite.New(t.Context(), filepath.Join(t.TempDir(), "a.db"), c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := app.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	ask := func(method, path, body string) (status int, made tracetest.SpanStubs) {
		spans.Reset()
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		answer := httptest.NewRecorder()
		app.Handler.ServeHTTP(answer, r)
		return answer.Code, spans.GetSpans()
	}

	status, made := ask("POST", "/v1/auth/signup", `{"name":"Ada Lovelace","email":"ada@example.net","password":"long enough"}`)
	if status != 201 || len(made) < 3 {
		t.Fatalf("got status %d and the spans %v", status, made)
	}
	find := func(name string) tracetest.SpanStub {
		t.Helper()
		i := slices.IndexFunc(made, func(s tracetest.SpanStub) bool { return s.Name == name })
		if i < 0 {
			t.Fatalf("there is no span %q in %v", name, made)
		}
		return made[i]
	}
	outer, service, store := find("POST /v1/auth/signup"), find("service signUp"), find("store write")
	if outer.SpanKind != otel.SpanKindServer || store.SpanKind != otel.SpanKindClient {
		t.Errorf("got the kinds %v and %v", outer.SpanKind, store.SpanKind)
	}
	if outer.Parent.SpanID().String() != "b7ad6b7169203331" || outer.SpanContext.TraceID().String() != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("the span of the request is not in the trace of its header: %v", outer.Parent)
	}
	if service.Parent.SpanID() != outer.SpanContext.SpanID() || store.Parent.SpanID() != service.SpanContext.SpanID() {
		t.Error("the spans are not inside one another")
	}
	if said := fmt.Sprintf("%+v", made); strings.Contains(said, "example.net") || strings.Contains(said, "Lovelace") || strings.Contains(said, "long enough") {
		t.Errorf("the spans have personal data: %s", said)
	}
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
