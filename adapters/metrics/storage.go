package metrics

import (
	"context"
	"errors"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// Storage returns the storage with its units of work measured. It is for the services of a server;
// the storage itself stays as it is.
func (m *Metrics) Storage(s ports.Storage) ports.Storage { return storage{s, m} }

type storage struct {
	ports.Storage
	metrics *Metrics
}

// Run implements uow.Runner.
func (s storage) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	begun, outcome := time.Now(), "panic"
	if uow.Attempt(ctx) > 1 {
		s.metrics.retries.Inc()
	}
	defer func() { // also if fn panics
		s.metrics.units.WithLabelValues(modes[mode], outcome).Inc()
		s.metrics.unitSeconds.WithLabelValues(modes[mode]).Observe(time.Since(begun).Seconds())
	}()
	err := s.Storage.Run(ctx, mode, fn)
	outcome = outcomeOf(err)
	return err
}

var modes = map[uow.Mode]string{uow.Write: "write", uow.Read: "read", uow.Snapshot: "snapshot"}

// outcomeOf returns how an attempt of a unit of work ended.
func outcomeOf(err error) string {
	switch {
	case err == nil:
		return "done"
	case errors.Is(err, uow.ErrConflict):
		return "conflict"
	case errors.Is(err, uow.ErrOutcomeUnknown):
		return "unknown"
	case errors.Is(err, fault.Unavailable):
		return "unavailable"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "cancelled"
	case fault.KindOf(err) == fault.Internal:
		return "failed"
	}
	return "refused" // by a rule
}
