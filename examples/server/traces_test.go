package main_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// TestTracesAreSent checks that the usual variables make the server send spans, and that it sends
// the last ones before it ends.
func TestTracesAreSent(t *testing.T) {
	t.Parallel()
	var sent atomic.Pointer[string]
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		all := string(body)
		if before := sent.Load(); before != nil {
			all += *before
		}
		sent.Store(&all)
	}))
	t.Cleanup(collector.Close)
	p := startIn(t, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + collector.URL, "OTEL_SERVICE_NAME=guides"}, "--store", "memory", "--no-demo")
	if _, err := p.client(t).Policy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.client(t).SignUp(t.Context(), httpapi.SignUp{Name: "Ada", Email: "ada@example.net", Password: "via verde 1"}, ""); err != nil {
		t.Fatal(err)
	}
	p.signal(t, syscall.SIGTERM)
	if code, killed := p.wait(t); code != 0 {
		t.Errorf("exit code %d, %v, want 0", code, killed)
	}
	all := sent.Load()
	if all == nil {
		t.Fatal("no spans were sent")
	}
	for _, want := range []string{"GET /v1/policy", "service policy", "store write", "guides"} {
		if !strings.Contains(*all, want) {
			t.Errorf("the spans do not have %q", want)
		}
	}
}
