package postgrestest

import (
	"context"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/internal/wired"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	root "github.com/cicerone-go/cicerone/wiring/postgres"
)

// TestNotReadyWhileTheDiskIsFull fills the disk of the tables, not that of the write-ahead log.
func TestNotReadyWhileTheDiskIsFull(t *testing.T) {
	server := servers.OwnPostgres(t, servers.PostgresOptions{})
	disk := workload.SmallDisk(t, 48)
	t.Cleanup(server.Stop) // before the disk is unmounted
	dsn := server.DSN("postgres")
	tablesOn(t, dsn, disk)
	must(t, postgres.Migrate(t.Context(), dsn, postgres.Options{}))
	c := wired.Config()
	c.Limits.Anonymous.PerSecond = 0
	app, err := root.New(t.Context(), dsn, postgres.Options{}, c)
	must(t, err)
	defer func() { must(t, app.Close(context.Background())) }()
	wired.FullDisk(t, app, disk)
}
