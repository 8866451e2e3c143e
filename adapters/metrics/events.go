package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cicerone-go/cicerone/core/events"
)

// Events adds the metrics of the events of a store: how far their numbering and the subscriptions
// are. read returns that at each scrape, as events.Relay.Progress does. The label subscriber has
// the names of the subscriptions of the store.
func (m *Metrics) Events(read func() events.Progress) {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prefix+name, help, labels, nil)
	}
	m.registry.MustRegister(&progress{
		read:       read,
		at:         describe("events_timestamp_seconds", "When the other metrics of events were read, in seconds since 1970; 0 if they were not."),
		unnumbered: describe("events_unnumbered_seconds", "The age of the oldest event that has no position yet; 0 if there is none."),
		lag:        describe("events_lag", "The positions of events that a subscription has not passed.", "subscriber"),
		lagSeconds: describe("events_lag_seconds", "The age of the next event of an active subscription; 0 if there is none.", "subscriber"),
		setAside:   describe("events_set_aside", "The events that a subscriber could not handle, 1000 if there are as many or more.", "subscriber"),
		state:      describe("events_subscription_state", "1 for the state of a subscription (active, behind, off).", "subscriber", "state"),
	})
}

// progress collects the metrics of the events.
type progress struct {
	read                                             func() events.Progress
	at, unnumbered, lag, lagSeconds, setAside, state *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (p *progress) Describe(all chan<- *prometheus.Desc) {
	for _, one := range []*prometheus.Desc{p.at, p.unnumbered, p.lag, p.lagSeconds, p.setAside, p.state} {
		all <- one
	}
}

// Collect implements prometheus.Collector.
func (p *progress) Collect(all chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		all <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	now := p.read()
	gauge(p.at, float64(max(now.At.Unix(), 0)))
	gauge(p.unnumbered, age(now.At, now.Oldest))
	for _, s := range now.Subscriptions {
		gauge(p.lag, float64(s.Waiting), s.Name)
		gauge(p.lagSeconds, age(now.At, s.Oldest), s.Name)
		gauge(p.setAside, float64(s.SetAside), s.Name)
		gauge(p.state, 1, s.Name, string(s.State))
	}
}

// age returns how long before at something was, in seconds; 0 if it was never.
func age(at, was time.Time) float64 {
	if was.IsZero() {
		return 0
	}
	return max(at.Sub(was).Seconds(), 0)
}
