package postgrestest

import (
	"context"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/histories"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/ports"
)

func TestHistories(t *testing.T) {
	dsn := servers.Postgres(t)
	o := fresh(t, dsn)
	histories.Compare(t, histories.Runs{Usual: 100, Soak: 3_000},
		func() (ports.Storage, error) { return memory.New(), nil },
		func() (ports.Storage, error) {
			empty(t, dsn, o) // its store is closed
			return postgres.Open(context.Background(), dsn, o)
		},
	)
}
