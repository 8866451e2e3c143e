package mongodbtest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/ports/porttest"
)

// processes is a storage of several stores on one database, which take its units in turn. Each store has its
// own client and its own queue, as in a process of its own.
type processes struct {
	stores []*mongodb.Store
	next   atomic.Int64
}

func (p *processes) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	return p.stores[int(p.next.Add(1))%len(p.stores)].Run(ctx, mode, fn)
}

func (p *processes) Ping(ctx context.Context) error {
	var errs []error
	for _, s := range p.stores {
		errs = append(errs, s.Ping(ctx))
	}
	return errors.Join(errs...)
}

func (p *processes) Close(ctx context.Context) error {
	var errs []error
	for _, s := range p.stores {
		errs = append(errs, s.Close(ctx))
	}
	return errors.Join(errs...)
}

// concurrent lists the most concurrent suites of the kit.
var concurrent = []string{
	"units", "users", "tries", "tokens", "isolation", "closing", "idempotency", "reservations", "rows", "guards",
	"cancellation", "races", "steps", "guessing", "privacy", "life",
}

// TestStorageOfTwoProcesses runs the kit with every second unit in another store, so that only the database
// isolates the units. Without CICERONE_SOAK=1 it runs the most concurrent suites, because
// TestStorageBehindTwoMongos runs all of them in two stores, too.
func TestStorageOfTwoProcesses(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s target) {
		porttest.Storage(t, func(t *testing.T) ports.Storage {
			if suite := strings.Split(t.Name(), "/")[2]; !soak() && !slices.Contains(concurrent, suite) {
				t.Skip("runs in make soak: the other suites of the kit, in two processes")
			}
			o := s.fresh(t)
			return &processes{stores: []*mongodb.Store{s.open(t, o), s.open(t, o)}}
		})
	})
}
