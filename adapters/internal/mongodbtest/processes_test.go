package mongodbtest

import (
	"context"
	"errors"
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

// TestStorageOfTwoProcesses runs the kit with every second unit in another store, so that only the database
// isolates the units.
func TestStorageOfTwoProcesses(t *testing.T) {
	everywhere(t, func(t *testing.T, s target) {
		porttest.Storage(t, func(t *testing.T) ports.Storage {
			o := s.fresh(t)
			return &processes{stores: []*mongodb.Store{s.open(t, o), s.open(t, o)}}
		})
	})
}
