package servers_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
)

// expectPostgres checks the settings of a database.
func expectPostgres(t *testing.T, dsn string) {
	t.Helper()
	for _, setting := range []string{"fsync", "full_page_writes"} {
		if value := ask[string](t, connect(t, dsn), "SHOW "+setting); value != "on" {
			t.Errorf("%s is %s, want on", setting, value)
		}
	}
}

func TestPostgres(t *testing.T) {
	var dsns []string
	t.Run("a test", func(t *testing.T) {
		dsns = append(dsns, servers.Postgres(t), servers.Postgres(t))
		for _, dsn := range dsns {
			expectPostgres(t, dsn)
			conn := connect(t, dsn)
			if n := ask[int](t, conn, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"); n != 0 {
				t.Errorf("a new database has %d tables", n)
			}
			execute(t, conn, "CREATE TABLE things (x int)") // fails if both databases are the same
		}
		// A connection that is left open must not prevent the drop.
		if _, err := pgx.Connect(t.Context(), dsns[0]); err != nil {
			t.Fatal(err)
		}
	})
	conn := connect(t, servers.Postgres(t))
	for _, dsn := range dsns {
		if n := ask[int](t, conn, "SELECT count(*) FROM pg_database WHERE datname = $1", database(dsn)); n != 0 {
			t.Errorf("%s exists after its test", dsn)
		}
	}
}

// TestPostgresByAddress uses a server given by address. A test gets its own database there, which
// is dropped.
func TestPostgresByAddress(t *testing.T) {
	given := servers.OwnPostgres(t, servers.PostgresOptions{})
	address := "CICERONE_POSTGRES_DSN=" + given.DSN("postgres")
	verdict, output := outcome(t, command("Postgres", "nothing", "CICERONE_REQUIRE=postgres", address))
	if verdict != "PASS" {
		t.Errorf("%s:\n%s", verdict, output)
	}
	conn := connect(t, given.DSN("postgres"))
	if n := ask[int](t, conn, "SELECT count(*) FROM pg_database WHERE NOT datistemplate"); n != 1 {
		t.Errorf("%d databases, want only postgres", n)
	}
}

// TestOwnPostgres kills, stops and freezes a server. After each restart, the server has the same
// address and all committed rows.
func TestOwnPostgres(t *testing.T) {
	folder := t.TempDir()
	server := servers.OwnPostgres(t, servers.PostgresOptions{Folder: folder, Settings: map[string]string{"work_mem": "5MB"}})
	dsn := server.DSN("postgres")
	execute(t, connect(t, dsn), "CREATE TABLE things (x int)")
	for _, end := range []struct {
		name string
		do   func()
	}{
		{"killed", server.Kill},
		{"stopped", server.Stop},
		{"killed while it was frozen", func() { server.Freeze(); server.Kill() }},
		{"stopped while it was frozen", func() { server.Freeze(); server.Stop() }},
	} {
		conns := []*pgx.Conn{connect(t, dsn), connect(t, dsn)}
		before := ask[int](t, conns[0], "SELECT count(*) FROM things")
		execute(t, conns[0], "INSERT INTO things VALUES (1)")
		end.do()
		if _, err := pgx.Connect(t.Context(), dsn); err == nil {
			t.Errorf("%s: the server answers", end.name)
		}
		server.Start()
		conn := connect(t, dsn)
		if n := ask[int](t, conn, "SELECT count(*) FROM things"); n != before+1 {
			t.Errorf("%s: %d rows, want %d", end.name, n, before+1)
		}
		if value := ask[string](t, conn, "SHOW work_mem"); value != "5MB" {
			t.Errorf("%s: work_mem is %s", end.name, value)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "data", "PG_VERSION")); err != nil {
		t.Errorf("the data is not in the given folder: %v", err)
	}
}

func TestFreeze(t *testing.T) {
	server := servers.OwnPostgres(t, servers.PostgresOptions{})
	conn, cut := connect(t, server.DSN("postgres")), connect(t, server.DSN("postgres"))
	server.Freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := cut.Exec(ctx, "SELECT"); err == nil {
		t.Error("a frozen server answered")
	}
	answer := make(chan error)
	go func() {
		_, err := conn.Exec(context.WithoutCancel(ctx), "SELECT")
		answer <- err
	}()
	server.Thaw()
	if err := <-answer; err != nil {
		t.Errorf("after Thaw: %v", err)
	}
}

func TestPgBouncer(t *testing.T) {
	server := servers.OwnPostgres(t, servers.PostgresOptions{})
	through := servers.PgBouncer(t, server.DSN("postgres"))
	a, b := connect(t, through), connect(t, through)
	const backend = "SELECT pg_backend_pid()"
	if ask[int](t, a, backend) != ask[int](t, b, backend) {
		t.Error("two clients without a transaction used different connections")
	}
	tx, err := a.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if ask[int](t, a, backend) == ask[int](t, b, backend) {
		t.Error("two clients used the same connection during a transaction")
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Error(err)
	}
	_, err = pgx.Connect(t.Context(), through+"&statement_timeout=1000")
	if err == nil || !strings.Contains(err.Error(), "unsupported startup parameter") {
		t.Errorf("with an unknown startup parameter: got error %v, want it rejected", err)
	}
}

// connect opens a connection that is closed when the test ends. It uses the simple protocol, which
// PgBouncer needs.
func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := conn.Close(ctx); err != nil {
			t.Logf("close: %v", err) // the server may have ended
		}
	})
	return conn
}

func execute(t *testing.T, conn *pgx.Conn, statement string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// ask returns the value of a query with one row and one column.
func ask[T any](t *testing.T, conn *pgx.Conn, query string, args ...any) (value T) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), query, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

// database returns the name of the database in an address, which may have several hosts.
func database(address string) string {
	address, _, _ = strings.Cut(address, "?")
	return address[strings.LastIndex(address, "/")+1:]
}
