package metrics_test

import (
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/metrics"
	"github.com/cicerone-go/cicerone/core/live"
)

func TestStreams(t *testing.T) {
	m := metrics.New()
	m.Streams(func() live.Stats { return live.Stats{Open: 3, Dropped: 2, Lag: 250 * time.Millisecond} })
	wanted(t, m, map[string]string{"cicerone_streams_open": "3", "cicerone_streams_dropped_total": "2", "cicerone_streams_lag_seconds": "0.25"})
}
