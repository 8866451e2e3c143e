package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// calls are the metrics of gRPC.
type calls struct {
	ended   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
}

// Calls returns a function that counts a call of a method over gRPC: its full name, the code with which
// it ended, and the time that it took.
func (m *Metrics) Calls() func(method, code string, took time.Duration) {
	c := calls{
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "grpc_calls_total", Help: "Calls over gRPC, by method and code.",
		}, []string{"method", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: prefix + "grpc_call_seconds", Help: "The time from a call over gRPC to its end.", Buckets: latencies,
		}, []string{"method"}),
	}
	m.registry.MustRegister(c.ended, c.seconds)
	return func(method, code string, took time.Duration) {
		c.ended.WithLabelValues(method, code).Inc()
		c.seconds.WithLabelValues(method).Observe(took.Seconds())
	}
}
