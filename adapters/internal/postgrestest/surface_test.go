package postgrestest

import (
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/internal/surface"
	"github.com/cicerone-go/cicerone/ports"
)

// TestSurface tests the whole HTTP API. The address of the database is a secret of the server.
func TestSurface(t *testing.T) {
	t.Parallel()
	dsn := servers.Postgres(t)
	secrets := []string{dsn}
	if password, ok := mustParse(t, dsn).User.Password(); ok {
		secrets = append(secrets, password)
	}
	open := func(t *testing.T) ports.Storage { return open(t, dsn, fresh(t, dsn)) }
	surface.Surface(t, open, secrets...)
	if soak() {
		surface.Others(t, open)
	}
}
