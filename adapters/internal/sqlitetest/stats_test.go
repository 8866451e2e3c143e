package sqlitetest

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// TestStats checks that the load of a store is true during and after units of work.
func TestStats(t *testing.T) {
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "a.db"), sqlite.Options{Readers: 3})
	if err != nil {
		t.Fatal(err)
	}
	store := ports.NewStore(s, uow.Policy{})
	err = store.View(t.Context(), func(context.Context, ports.Tx) error {
		if during := s.Stats(); during.InUse != 1 || during.Most != 3 || during.Waiting != 0 {
			t.Errorf("in a unit that reads: got %+v", during)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	ended := make(chan error)
	err = store.Do(t.Context(), func(ctx context.Context, _ ports.Tx) error {
		go func() {
			ended <- store.Do(context.WithoutCancel(t.Context()), func(context.Context, ports.Tx) error { return nil })
		}()
		for s.Stats().Waiting == 0 {
			if ctx.Err() != nil {
				break
			}
		}
		return ctx.Err()
	})
	if err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if after := s.Stats(); after.InUse != 0 || after.Idle != 1 || after.Waiting != 0 {
		t.Errorf("after the units: got %+v", after)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}
