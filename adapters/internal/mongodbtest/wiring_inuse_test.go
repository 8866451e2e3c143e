package mongodbtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.uber.org/goleak"

	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// A database is used by any number of shared stores, or by one exclusive store.
func TestExclusive(t *testing.T) {
	everywhere(t, func(t *testing.T, s target) {
		t.Run("shared or exclusive", s.sharedOrExclusive)
		t.Run("stores without beats do not count", s.lostStoresDoNotCount)
		t.Run("concurrent opens", s.concurrentOpens)
		t.Run("a store that was replaced", s.replacedStore)
		t.Run("no goroutine stays", s.noGoroutineStays)
	})
}

func exclusive(o mongodb.Options) mongodb.Options {
	o.Exclusive = true
	return o
}

// refusedAsInUse checks that the store cannot be opened because others use it.
func (s target) refusedAsInUse(t *testing.T, o mongodb.Options) {
	t.Helper()
	store, err := mongodb.Open(t.Context(), s.uri, o)
	if !errors.Is(err, mongodb.ErrInUse) {
		t.Errorf("Open = %v, %v, want ErrInUse", store, err)
	}
	if err == nil {
		must(t, store.Close(t.Context()))
	}
}

func (s target) sharedOrExclusive(t *testing.T) {
	ctx, o := t.Context(), s.fresh(t)
	one, two := s.open(t, o), s.open(t, o)
	s.refusedAsInUse(t, exclusive(o))
	must(t, one.Close(ctx))
	s.refusedAsInUse(t, exclusive(o))
	must(t, two.Close(ctx))

	alone := s.open(t, exclusive(o))
	s.refusedAsInUse(t, o)
	s.refusedAsInUse(t, exclusive(o))
	_, err := mongodb.New(ctx, s.client(t), o)
	if !errors.Is(err, mongodb.ErrInUse) || !strings.Contains(err.Error(), "since") {
		t.Errorf("New = %v, want ErrInUse with a host and a time", err)
	}
	must(t, alone.Ping(ctx))
	must(t, alone.Close(ctx))
	if all := s.occupants(t, o); len(all) != 0 {
		t.Errorf("occupants after Close: %v", all)
	}
	must(t, s.open(t, o).Close(ctx))
}

// occupy adds the document of another store with an old last beat. leave removes it.
func (s target) occupy(t *testing.T, o mongodb.Options, alone bool, ago time.Duration) (leave func()) {
	t.Helper()
	then := primitive.NewDateTimeFromTime(time.Now().Add(-ago))
	id := primitive.Binary{Subtype: 4, Data: []byte("somebody elsewhe")}
	_, err := s.inUse(t, o).InsertOne(t.Context(),
		bson.M{"_id": id, "host": "elsewhere", "exclusive": alone, "since": then, "seen_at": then})
	must(t, err)
	return func() {
		_, err := s.inUse(t, o).DeleteOne(context.Background(), bson.M{"_id": id})
		must(t, err)
	}
}

func (s target) lostStoresDoNotCount(t *testing.T) {
	for _, alone := range []bool{false, true} {
		o := s.fresh(t)
		leave := s.occupy(t, o, alone, 5*time.Second)
		s.refusedAsInUse(t, exclusive(o))
		leave()
		s.occupy(t, o, alone, 20*time.Second)
		store := s.open(t, exclusive(o))
		if all := s.occupants(t, o); len(all) != 1 {
			t.Errorf("occupants: %v, want one", all)
		}
		must(t, store.Close(t.Context()))
	}
}

func (s target) concurrentOpens(t *testing.T) {
	o, rounds, alone := s.fresh(t), 20, 0
	for range rounds {
		var opening sync.WaitGroup
		stores, errs := make([]*mongodb.Store, 3), make([]error, 3)
		for i := range stores {
			options := o
			options.Exclusive = i == 0
			opening.Go(func() { stores[i], errs[i] = mongodb.Open(t.Context(), s.uri, options) })
		}
		opening.Wait()
		if errs[0] == nil {
			alone++
			if errs[1] == nil || errs[2] == nil {
				t.Errorf("while one store is exclusive, the others opened with %v and %v", errs[1], errs[2])
			}
		}
		for i, store := range stores {
			if errs[i] == nil {
				must(t, store.Close(t.Context()))
			} else if !errors.Is(errs[i], mongodb.ErrInUse) {
				t.Fatal(errs[i])
			}
		}
	}
	t.Logf("the exclusive store was opened in %d of %d rounds", alone, rounds)
}

// A store that did not report in time, so that another store opened in its place, starts no unit of
// work until the other one is closed.
func (s target) replacedStore(t *testing.T) {
	ctx, o := t.Context(), s.fresh(t)
	store := s.open(t, o)
	defer func() { must(t, store.Close(context.Background())) }()
	run := func() error {
		return store.Run(ctx, uow.Write, func(ctx context.Context, tx ports.Tx) error {
			return tx.Marks().Mark(ctx, "awake", time.Now())
		})
	}
	must(t, run())
	_, err := s.inUse(t, o).DeleteMany(ctx, bson.M{})
	must(t, err)
	leave := s.occupy(t, o, true, 0)
	workload.Within(t, 10*time.Second, func() error { // until the next beat fails
		if err := run(); !errors.Is(err, uow.ErrUnreachable) || !errors.Is(err, mongodb.ErrInUse) {
			return fmt.Errorf("a unit returned %w, want ErrUnreachable because of ErrInUse", err)
		}
		return nil
	})
	leave()
	must(t, run())
	if all := s.occupants(t, o); len(all) != 1 {
		t.Errorf("occupants: %v, want one", all)
	}
}

func (s target) noGoroutineStays(t *testing.T) {
	o := s.fresh(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	store := s.open(t, o)
	must(t, store.Ping(t.Context()))
	must(t, store.Close(t.Context()))
	occupied := s.open(t, exclusive(o))
	s.refusedAsInUse(t, o)
	must(t, occupied.Close(t.Context()))
}
