package metrics

import "github.com/cicerone-go/cicerone/core/live"

// Streams adds the metrics of the streams of events. read returns them at each scrape, as
// live.Service.Stats does.
func (m *Metrics) Streams(read func() live.Stats) {
	m.Gauge("streams_open", "Streams of events that are open.", func() float64 { return float64(read().Open) })
	m.Counter("streams_dropped_total", "Streams that ended because their client read too slowly.", func() float64 { return float64(read().Dropped) })
	m.Gauge("streams_lag_seconds", "How old the event was that streams told last.", func() float64 { return read().Lag.Seconds() })
}
