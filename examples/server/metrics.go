package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"

	"github.com/cicerone-go/cicerone/adapters/metrics"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/grpcapi"
	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/wiring"
)

// measure returns metrics, and a configuration of a server that they measure.
func measure(c wiring.Config) (*metrics.Metrics, wiring.Config) {
	m := metrics.New()
	c.Observe = func(_ context.Context, x httpapi.Exchange) { m.Request(x.Route, x.Status, x.Bytes, x.Duration) }
	call := m.Calls()
	c.ObserveCall = func(_ context.Context, x grpcapi.Exchange) { call(x.Method, x.Code.String(), x.Duration) }
	c.Decorate = m.Storage
	c.ObserveAudit = func(_ context.Context, found httpapi.Verification) { m.Audited(len(found.Violations), time.Now()) }
	return m, c
}

// gauge adds the load of a server to its metrics.
func gauge(m *metrics.Metrics, app *wiring.App) {
	for _, g := range []struct {
		name, help string
		read       func(l wiring.Load) float64
	}{
		{"store_connections_in_use", "Connections to the store that units of work use.", func(l wiring.Load) float64 { return float64(l.Store.InUse) }},
		{"store_connections_idle", "Open connections to the store that are not in use.", func(l wiring.Load) float64 { return float64(l.Store.Idle) }},
		{"store_connections_most", "The most connections to the store.", func(l wiring.Load) float64 { return float64(l.Store.Most) }},
		{"store_waiting", "Units of work that wait for a connection, or for their turn to write.", func(l wiring.Load) float64 { return float64(l.Store.Waiting) }},
		{"settlement_lag_seconds", "How long a reservation that is due has waited for its settlement at most.", func(l wiring.Load) float64 { return l.SettlementLag.Seconds() }},
		{"match_index_profiles", "Profiles in the index that answers searches; 0 without one.", func(l wiring.Load) float64 { return float64(l.MatchIndex.Profiles) }},
		{"match_index_stale_seconds", "How far the index of profiles is behind the store at most.", func(l wiring.Load) float64 { return l.MatchIndex.Stale.Seconds() }},
	} {
		m.Gauge(g.name, g.help, func() float64 { return g.read(app.Load()) })
	}
	gate := app.API.Gate()
	for _, c := range edge.Classes() {
		m.Gauge("lane_running", "Requests of a class that run.", func() float64 {
			running, _ := gate.Waiting(c)
			return float64(running)
		}, "lane", string(c))
		m.Gauge("lane_waiting", "Requests of a class that wait for a place.", func() float64 {
			_, waiting := gate.Waiting(c)
			return float64(waiting)
		}, "lane", string(c))
	}
	for _, g := range []struct {
		name, help string
		read       func(l edge.AdmissionLoad) int
	}{
		{"admission_limit", "Requests that may run at present, before their lanes; 0 for no limit.", func(l edge.AdmissionLoad) int { return l.Limit }},
		{"admission_running", "Requests that were admitted and run.", func(l edge.AdmissionLoad) int { return l.Running }},
		{"admission_waiting", "Requests that wait until they are admitted.", func(l edge.AdmissionLoad) int { return l.Waiting }},
	} {
		m.Gauge(g.name, g.help, func() float64 { return float64(g.read(gate.Admission())) })
	}
	m.Counter("admission_refused_total", "Requests that were not admitted because of the load.", func() float64 { return float64(gate.Admission().Refused) })
	m.Events(app.Relay.Progress)
	m.Streams(app.Live.Stats)
	m.Counter("match_index_answered_total", "Searches that the index of profiles answered.", func() float64 { return float64(app.Load().MatchIndex.Answered) })
	m.Counter("match_index_passed_total", "Searches that the index of profiles left to the store.", func() float64 { return float64(app.Load().MatchIndex.Passed) })
	m.Counter("store_round_trips_total", "Round trips to a database server.", func() float64 { return float64(app.Load().Store.RoundTrips) })
}

// The bounds of the listener for metrics.
const (
	metricsConnections = 16
	metricsHeader      = 8 << 10
	metricsTime        = 15 * time.Second
)

// serveMetrics serves /metrics on an address of its own, which only operators should reach. It
// returns a function that stops it.
func serveMetrics(address string, m *metrics.Metrics, log *slog.Logger) (stop func(), err error) {
	listener, err := net.Listen("tcp", address) //nolint:noctx // it does not wait
	if err != nil {
		return nil, fmt.Errorf("--metrics-addr: listen: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.Handler())
	server := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: metricsTime,
		ReadTimeout:       metricsTime,
		WriteTimeout:      metricsTime,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    metricsHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	log.Info("metrics", slog.String("address", "http://"+listener.Addr().String()+"/metrics"))
	go func() {
		if err := server.Serve(netutil.LimitListener(listener, metricsConnections)); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics are not served any more", slog.Any("error", err))
		}
	}()
	return func() { _ = server.Close() }, nil // nothing is left to tell
}
