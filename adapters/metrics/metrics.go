// Package metrics measures a server for Prometheus: its requests, the units of work of its store,
// and what a host adds, like the length of a queue. The labels of all metrics have few values: routes,
// statuses and outcomes, never an id or a name.
package metrics

import (
	"cmp"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// prefix begins the name of every metric of this package.
const prefix = "cicerone_"

// Metrics are the metrics of one server. Use New to make them. They are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	mu     sync.RWMutex
	routes map[string]*route // that were requested, "" included

	requests       *prometheus.CounterVec
	requestSeconds *prometheus.HistogramVec
	responseBytes  *prometheus.CounterVec

	units       *prometheus.CounterVec
	unitSeconds *prometheus.HistogramVec
	retries     prometheus.Counter

	auditViolations, auditedAt prometheus.Gauge
}

// latencies are the bounds of the histograms in seconds.
var latencies = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// New returns the metrics of a server, with those of the Go runtime and of the process.
func New() *Metrics {
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + name, Help: help}, labels)
	}
	histogram := func(name, help, label string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: prefix + name, Help: help, Buckets: latencies}, []string{label})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: prefix + name, Help: help})
	}
	m := &Metrics{
		routes:         map[string]*route{},
		registry:       prometheus.NewRegistry(),
		requests:       counters("http_requests_total", "Requests, by route and status; the route is other if none matches.", "route", "code"),
		requestSeconds: histogram("http_request_seconds", "The time from a request to the last byte of its response.", "route"),
		responseBytes:  counters("http_response_bytes_total", "The bytes of the bodies of responses, as they were sent.", "route"),
		units:          counters("store_units_total", "Attempts of units of work, by mode (read, write, snapshot) and outcome.", "mode", "outcome"),
		unitSeconds:    histogram("store_unit_seconds", "The time that an attempt of a unit of work takes.", "mode"),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: prefix + "store_retries_total", Help: "Attempts of units of work after the first.",
		}),
		auditViolations: gauge("audit_violations", "The violations of rules that the last audit of the store found."),
		auditedAt:       gauge("audit_timestamp_seconds", "When the last audit ended, in seconds since 1970; 0 if there was none."),
	}
	m.registry.MustRegister(
		m.requests, m.requestSeconds, m.responseBytes, m.units, m.unitSeconds, m.retries, m.auditViolations, m.auditedAt,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewBuildInfoCollector(),
	)
	return m
}

// route has the metrics of one route, so that each is looked up by its labels once.
type route struct {
	requests map[int]prometheus.Counter // by their status
	seconds  prometheus.Observer
	bytes    prometheus.Counter
}

// Request counts a request. The route is a pattern, or "" if no route matches.
func (m *Metrics) Request(route string, status int, bytes int64, took time.Duration) {
	r, requests := m.known(route, status)
	if requests == nil {
		r, requests = m.learn(route, status)
	}
	requests.Inc()
	r.seconds.Observe(took.Seconds())
	r.bytes.Add(float64(bytes))
}

// known returns the metrics of a route, and its counter of a status, or nil.
func (m *Metrics) known(pattern string, status int) (*route, prometheus.Counter) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	r := m.routes[pattern]
	if r == nil {
		return nil, nil
	}
	return r, r.requests[status]
}

// learn looks the metrics of a route up.
func (m *Metrics) learn(pattern string, status int) (*route, prometheus.Counter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	label := cmp.Or(pattern, "other")
	r := m.routes[pattern]
	if r == nil {
		r = &route{map[int]prometheus.Counter{}, m.requestSeconds.WithLabelValues(label), m.responseBytes.WithLabelValues(label)}
		m.routes[pattern] = r
	}
	r.requests[status] = m.requests.WithLabelValues(label, strconv.Itoa(status))
	return r, r.requests[status]
}

// Audited records the result of an audit of the store.
func (m *Metrics) Audited(violations int, at time.Time) {
	m.auditViolations.Set(float64(violations))
	m.auditedAt.Set(float64(at.Unix()))
}

// Gauge adds a metric whose value read returns at each scrape. labels are pairs of names and
// values. Gauge panics if the name is taken with the same labels, or is not valid.
func (m *Metrics) Gauge(name, help string, read func() float64, labels ...string) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Name: prefix + name, Help: help, ConstLabels: pairs(labels)}, read))
}

// Counter is Gauge for a value that never falls.
func (m *Metrics) Counter(name, help string, read func() float64, labels ...string) {
	m.registry.MustRegister(prometheus.NewCounterFunc(
		prometheus.CounterOpts{Name: prefix + name, Help: help, ConstLabels: pairs(labels)}, read))
}

func pairs(labels []string) prometheus.Labels {
	all := prometheus.Labels{}
	for i := 0; i+1 < len(labels); i += 2 {
		all[labels[i]] = labels[i+1]
	}
	return all
}

// The bounds of the handler.
const (
	scrapes    = 4 // at the same time
	scrapeTime = 10 * time.Second
)

// Handler returns the handler that a Prometheus scrapes. A few scrapes run at the same time, each
// for ten seconds at most; it answers 503 to others.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: scrapes, Timeout: scrapeTime})
}
