package postgrestest

import (
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/flood"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
)

func TestOthersInAFlood(t *testing.T) {
	dsn := servers.Postgres(t)
	flood.Others(t, open(t, dsn, fresh(t, dsn)))
}
