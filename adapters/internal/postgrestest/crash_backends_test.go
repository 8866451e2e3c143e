package postgrestest

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
)

// aBackend is a query for the backend process of one connection of the service, an active one if
// possible.
const aBackend = `SELECT pid FROM pg_stat_activity WHERE application_name = 'cicerone'
	ORDER BY state = 'idle', random() LIMIT 1`

// TestBackendsTerminated terminates the service's connections one by one, as an administrator does. A
// subscriber gets the event of every change, in order, and of no other.
func TestBackendsTerminated(t *testing.T) {
	terminations := size(20, 1000)
	server := servers.OwnPostgres(t, servers.PostgresOptions{})
	admin := connect(t, server.DSN("postgres"))
	l := newLife(t, serve(t, server.DSN("postgres"), impatient))
	l.Listen(workload.Diary{})
	for n := range terminations {
		l.Work()
		var done bool
		must(t, admin.QueryRow(t.Context(), "SELECT pg_terminate_backend(("+aBackend+"))").Scan(&done))
		if !done {
			t.Error("no connection was terminated")
		}
		if n%10 == 9 {
			l.Healed()
		}
	}
	l.End(fmt.Sprintf("%d connections ended", terminations))
}

// TestBackendKilled kills one backend process with SIGKILL. The server then ends all others and
// recovers.
func TestBackendKilled(t *testing.T) {
	kills := size(5, 50)
	server := servers.OwnPostgres(t, servers.PostgresOptions{})
	l := newLife(t, serve(t, server.DSN("postgres"), impatient))
	for range kills {
		l.Work()
		admin := connect(t, server.DSN("postgres"))
		var pid int
		must(t, admin.QueryRow(t.Context(), aBackend).Scan(&pid))
		process, err := os.FindProcess(pid)
		must(t, err)
		must(t, process.Kill())
		awaitConnection(t, admin)
		l.Healed()
	}
	l.End(fmt.Sprintf("%d kills", kills))
}

// awaitConnection waits until a connection has ended and the server accepts new ones.
func awaitConnection(t *testing.T, old *pgx.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), maxWait)
	defer cancel()
	for old.Ping(ctx) == nil { // until it fails
	}
	for {
		conn, err := pgx.Connect(ctx, old.Config().ConnString())
		if err == nil {
			must(t, conn.Close(ctx))
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("the server does not recover: %v", err)
		}
	}
}
