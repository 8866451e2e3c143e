package metrics_test

import (
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/metrics"
	"github.com/cicerone-go/cicerone/core/events"
)

func TestEvents(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var p events.Progress
	m := metrics.New()
	m.Events(func() events.Progress { return p })
	wanted(t, m, map[string]string{"cicerone_events_unnumbered_seconds": "0", "cicerone_events_timestamp_seconds": "0", `cicerone_events_lag{subscriber="mail"}`: ""})
	p = events.Progress{At: at, Oldest: at.Add(-3 * time.Second), Subscriptions: []events.SubscriptionProgress{
		{Name: "mail", State: events.Active, Waiting: 12, Oldest: at.Add(-90 * time.Second), SetAside: 2},
		{Name: "search", State: events.Behind, Waiting: 900},
	}}
	wanted(t, m, map[string]string{
		"cicerone_events_timestamp_seconds":                                      "1.767323045e+09",
		"cicerone_events_unnumbered_seconds":                                     "3",
		`cicerone_events_lag{subscriber="mail"}`:                                 "12",
		`cicerone_events_lag_seconds{subscriber="mail"}`:                         "90",
		`cicerone_events_set_aside{subscriber="mail"}`:                           "2",
		`cicerone_events_subscription_state{state="active",subscriber="mail"}`:   "1",
		`cicerone_events_subscription_state{state="behind",subscriber="mail"}`:   "",
		`cicerone_events_lag{subscriber="search"}`:                               "900",
		`cicerone_events_lag_seconds{subscriber="search"}`:                       "0",
		`cicerone_events_subscription_state{state="behind",subscriber="search"}`: "1",
	})
}
