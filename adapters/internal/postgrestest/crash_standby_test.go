package postgrestest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/core/uow"
)

// TestStandbyAway checks that a commit that no standby has confirmed is not acknowledged, although
// the server reports success after its wait for the standby was cancelled.
func TestStandbyAway(t *testing.T) {
	server := servers.OwnPostgres(t, servers.PostgresOptions{})
	o := impatient
	o.StatementTimeout = 500 * time.Millisecond
	s := serve(t, server.DSN("postgres"), o)
	setStandbys := func(names string) {
		runSQL(t, server.DSN("postgres"), "ALTER SYSTEM SET synchronous_standby_names = '"+names+"'")
		runSQL(t, server.DSN("postgres"), "SELECT pg_reload_conf()")
		time.Sleep(200 * time.Millisecond) // no signal shows when every process has read the setting
	}
	setStandbys("nobody")
	for name, patience := range map[string]time.Duration{"a unit": time.Minute, "a unit whose caller does not wait": 300 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if err := s.unit(ctx, uow.Write, func() {}); !errors.Is(err, uow.ErrOutcomeUnknown) {
			t.Errorf("%s without a standby: got error %v", name, err)
		}
		cancel()
	}
	setStandbys("")
	must(t, s.unit(t.Context(), uow.Write, func() {}))
}
