package postgrestest

import (
	"context"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// TestStats checks that the load of a store is true during and after a unit of work.
func TestStats(t *testing.T) {
	dsn := servers.Postgres(t)
	s := open(t, with(t, dsn, "pool_max_conns", "3"), fresh(t, dsn))
	defer func() { must(t, s.Close(context.Background())) }()
	before := s.Stats()
	if before.InUse != 0 || before.Most != 3 || before.RoundTrips == 0 { // Open has asked for the version
		t.Errorf("at first: got %+v", before)
	}
	must(t, ports.NewStore(s, uow.Policy{}).Do(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		for range 2 {
			if _, _, err := tx.Marks().Marked(ctx, "none"); err != nil {
				return err
			}
		}
		if during := s.Stats(); during.InUse != 1 || during.RoundTrips != before.RoundTrips+2 {
			t.Errorf("in a unit: got %+v after %+v", during, before)
		}
		return nil
	}))
	if after := s.Stats(); after.InUse != 0 || after.Idle == 0 || after.Waiting != 0 || after.RoundTrips != before.RoundTrips+3 {
		t.Errorf("after the unit, with its commit: got %+v after %+v", after, before)
	}
}
