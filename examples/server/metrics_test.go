package main_test

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

var metricsAddress = regexp.MustCompile(`http://[^ ]+/metrics`)

// scrape returns the metrics of a server that was started with --metrics-addr.
func scrape(t *testing.T, p *process) string {
	t.Helper()
	response, err := http.Get(metricsAddress.FindString(p.logged()))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("got %s, %v", response.Status, err)
	}
	return string(body)
}

// TestMetrics checks that every metric is there after a few requests, that strangers cannot make
// new series, and that no person is in them.
func TestMetrics(t *testing.T) {
	t.Parallel()
	p := start(t, "--metrics-addr", "localhost:0")
	client := p.client(t)
	in, err := client.SignIn(t.Context(), "admin@example.org", "cicerone-demo")
	if err != nil {
		t.Fatal(err)
	}
	admin := client.As(in.AccessToken)
	if _, err := admin.VerifyLedger(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.User(t.Context(), in.User.ID); err != nil {
		t.Fatal(err)
	}
	said := scrape(t, p)
	for _, want := range []string{
		`cicerone_http_requests_total{code="200",route="POST /v1/auth/login"} 1`, `cicerone_http_request_seconds_count{route="POST /v1/auth/login"} 1`,
		`cicerone_http_requests_total{code="200",route="GET /v1/admin/users/{id}"} 1`, `cicerone_store_units_total{mode="write",outcome="done"} `,
		"cicerone_store_retries_total 0", "cicerone_store_connections_most ", "cicerone_store_waiting 0", "cicerone_store_round_trips_total 0",
		"cicerone_admission_limit ", "cicerone_admission_running 0", "cicerone_admission_waiting 0", "cicerone_admission_refused_total 0",
		`cicerone_lane_running{lane="export"} 0`, `cicerone_lane_waiting{lane="hashing"} 0`, "cicerone_settlement_lag_seconds ", "cicerone_events_unnumbered_seconds 0", "cicerone_audit_violations 0", "go_goroutines ",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the metrics do not have %s", want)
		}
	}
	if strings.Contains(said, "cicerone_audit_timestamp_seconds 0") {
		t.Error("the audit has no time")
	}
	series := strings.Count(said, "cicerone_http_")
	for i := range 50 {
		response, err := http.Get(fmt.Sprintf("%s/v1/ada%d@example.org", p.base, i))
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		_, _ = client.SignIn(t.Context(), fmt.Sprintf("ada%d@example.org", i), "wrong") // it is refused
	}
	said = scrape(t, p)
	if more := strings.Count(said, "cicerone_http_") - series; more > 40 { // of the route other, and of one more status
		t.Errorf("strangers made %d new series", more)
	}
	for _, personal := range []string{"example.org", in.User.ID.String(), in.AccessToken, "127.0.0.1"} {
		if strings.Contains(said, personal) {
			t.Errorf("the metrics have %q", personal)
		}
	}
	var response *http.Response
	if response, err = http.Get(p.base + "/metrics"); err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusNotFound {
		t.Errorf("the listener of the API has metrics: %s", response.Status)
	}
}
