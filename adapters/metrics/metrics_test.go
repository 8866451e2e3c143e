package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/adapters/metrics"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// scrape returns the lines that a Prometheus gets, by the name and the labels of the metric.
func scrape(t testing.TB, m *metrics.Metrics) map[string]string {
	t.Helper()
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	if answer.Code != 200 {
		t.Fatalf("got %d %s", answer.Code, answer.Body)
	}
	found := map[string]string{}
	for line := range strings.Lines(answer.Body.String()) {
		if i := strings.LastIndexByte(line, ' '); i > 0 && line[0] != '#' {
			found[line[:i]] = strings.TrimSpace(line[i:])
		}
	}
	return found
}

func wanted(t *testing.T, m *metrics.Metrics, want map[string]string) {
	t.Helper()
	got := scrape(t, m)
	for metric, value := range want {
		if got[metric] != value {
			t.Errorf("%s is %q, want %q", metric, got[metric], value)
		}
	}
}

func Example() {
	m := metrics.New()
	m.Request("GET /v1/wallet", 200, 27, 3*time.Millisecond)
	m.Gauge("mail_waiting", "Messages that wait to be sent.", func() float64 { return 2 })

	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(answer.Body.String()) {
		if strings.HasPrefix(line, "cicerone_http_requests") || strings.HasPrefix(line, "cicerone_mail") {
			fmt.Print(line)
		}
	}
	// Output:
	// cicerone_http_requests_total{code="200",route="GET /v1/wallet"} 1
	// cicerone_mail_waiting 2
}

func TestRequests(t *testing.T) {
	m := metrics.New()
	m.Request("GET /v1/me", 200, 100, 3*time.Millisecond)
	m.Request("GET /v1/me", 200, 50, 30*time.Millisecond)
	m.Request("GET /v1/me", 401, 10, time.Minute)
	m.Request("", 404, 7, time.Microsecond)
	wanted(t, m, map[string]string{
		`cicerone_http_requests_total{code="200",route="GET /v1/me"}`:         "2",
		`cicerone_http_requests_total{code="401",route="GET /v1/me"}`:         "1",
		`cicerone_http_requests_total{code="404",route="other"}`:              "1",
		`cicerone_http_response_bytes_total{route="GET /v1/me"}`:              "160",
		`cicerone_http_request_seconds_bucket{route="GET /v1/me",le="0.005"}`: "1",
		`cicerone_http_request_seconds_bucket{route="GET /v1/me",le="30"}`:    "2",
		`cicerone_http_request_seconds_count{route="GET /v1/me"}`:             "3",
		`cicerone_http_request_seconds_count{route="other"}`:                  "1",
	})
}

// flaky is a store whose first attempts of a unit that writes end with errors.
type flaky struct {
	ports.Storage
	ends []error
}

func (f *flaky) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	if mode == uow.Write && len(f.ends) > 0 {
		end := f.ends[0]
		f.ends = f.ends[1:]
		if end != nil {
			return end
		}
	}
	return f.Storage.Run(ctx, mode, fn)
}

func TestUnits(t *testing.T) {
	m := metrics.New()
	f := &flaky{Storage: memory.New()}
	decorated := m.Storage(f)
	if err := decorated.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	store := ports.NewStore(decorated, uow.Policy{})
	nothing := func(context.Context, ports.Tx) error { return nil }
	run := func(want error, fn func(context.Context, ports.Tx) error, ends ...error) {
		t.Helper()
		f.ends = ends
		if err := store.Do(t.Context(), fn); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	refusal := fault.New(fault.Conflict, "taken", "it is taken")
	run(nil, nothing, uow.ErrConflict, uow.ErrConflict)
	run(nil, nothing)
	run(refusal, func(context.Context, ports.Tx) error { return refusal })
	run(errors.ErrUnsupported, func(context.Context, ports.Tx) error { return errors.ErrUnsupported })
	run(context.Canceled, func(context.Context, ports.Tx) error { return context.Canceled })
	run(uow.ErrUnreachable, nothing, uow.ErrUnreachable)
	run(uow.ErrOutcomeUnknown, nothing, uow.ErrOutcomeUnknown)
	func() {
		defer func() { _ = recover() }()
		run(nil, func(context.Context, ports.Tx) error { panic("a defect") })
	}()
	for _, view := range []func(context.Context, func(context.Context, ports.Tx) error) error{store.View, store.Snapshot} {
		if err := view(t.Context(), nothing); err != nil {
			t.Error(err)
		}
	}
	want := map[string]string{
		`cicerone_store_retries_total`:                                 "2",
		`cicerone_store_unit_seconds_count{mode="write"}`:              "10",
		`cicerone_store_units_total{mode="read",outcome="done"}`:       "1",
		`cicerone_store_units_total{mode="snapshot",outcome="done"}`:   "1",
		`cicerone_store_units_total{mode="write",outcome="done"}`:      "2",
		`cicerone_store_units_total{mode="write",outcome="conflict"}`:  "2",
		`cicerone_store_units_total{mode="write",outcome="cancelled"}`: "1",
	}
	for _, outcome := range []string{"refused", "failed", "unavailable", "unknown", "panic"} {
		want[`cicerone_store_units_total{mode="write",outcome="`+outcome+`"}`] = "1"
	}
	wanted(t, m, want)
	if err := decorated.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestGaugesAndAudits(t *testing.T) {
	m := metrics.New()
	for i, lane := range []string{"search", "export"} {
		m.Gauge("lane_running", "Requests in a lane.", func() float64 { return float64(i) }, "lane", lane)
	}
	m.Counter("store_round_trips_total", "Round trips.", func() float64 { return 7 })
	m.Audited(3, time.Unix(1_800_000_000, 0))
	wanted(t, m, map[string]string{
		`cicerone_lane_running{lane="search"}`: "0", `cicerone_lane_running{lane="export"}`: "1",
		`cicerone_store_round_trips_total`: "7", `cicerone_audit_violations`: "3", `cicerone_audit_timestamp_seconds`: "1.8e+09",
	})
	if scrape(t, m)["go_goroutines"] == "" {
		t.Error("there are no metrics of the runtime")
	}
}

// TestRequestIsCheap checks that a request of a route which is known takes no memory, and that
// concurrent requests are all counted.
func TestRequestIsCheap(t *testing.T) {
	m := metrics.New()
	count := func() { m.Request("GET /v1/me", 200, 1, time.Millisecond) }
	const each = 100
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range each {
				count()
				m.Request("", 404, 1, time.Millisecond)
			}
		})
	}
	all.Wait()
	if n := testing.AllocsPerRun(100, count); n > 0 {
		t.Errorf("a request takes %v allocations", n)
	}
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`cicerone_http_requests_total{code="200",route="GET /v1/me"} 901`, `cicerone_http_requests_total{code="404",route="other"} 800`,
		`cicerone_http_response_bytes_total{route="GET /v1/me"} 901`, `cicerone_http_request_seconds_count{route="other"} 800`,
	} {
		if !strings.Contains(answer.Body.String(), want+"\n") {
			t.Errorf("there is no line %s", want)
		}
	}
}
