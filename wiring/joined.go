package wiring

import (
	"fmt"
	"log/slog"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// join returns a runner that calls the joined subscribers of the Config in the units of runner.
func join(c Checked, runner uow.Runner[ports.Tx], now clock.Clock, ids id.Source) (uow.Runner[ports.Tx], error) {
	joined, err := events.Join(events.JoinDeps[ports.Tx]{
		Runner: runner, Subscribers: c.JoinedSubscribers, With: ports.WithEvents, Clock: now, IDs: ids, Policy: c.Events,
		Report: func(err error) { c.Log.Error("joined subscribers", slog.Any("error", err)) },
	})
	if err != nil {
		return nil, fmt.Errorf("wiring: join subscribers: %w", err)
	}
	return joined, nil
}
