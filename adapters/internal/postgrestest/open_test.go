package postgrestest

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// refused fails the test unless Open returns the wanted error.
func refused(t *testing.T, dsn string, o postgres.Options, want error, words ...string) {
	t.Helper()
	s, err := postgres.Open(context.Background(), dsn, o)
	if err == nil {
		must(t, s.Close(context.Background()))
	}
	if !errors.Is(err, want) {
		t.Errorf("Open: got error %v, want %v", err, want)
	}
	for _, w := range words {
		if err != nil && !strings.Contains(err.Error(), w) {
			t.Errorf("the error does not contain %q: %v", w, err)
		}
	}
}

func TestUnfitServers(t *testing.T) {
	for setting, server := range map[string]servers.PostgresOptions{
		"fsync":              {Settings: map[string]string{"fsync": "off"}},
		"full_page_writes":   {Settings: map[string]string{"full_page_writes": "off"}},
		"synchronous_commit": {Settings: map[string]string{"synchronous_commit": "off"}},
	} {
		t.Run(setting, func(t *testing.T) {
			dsn := servers.OwnPostgres(t, server).DSN("postgres")
			o := postgres.Options{}
			must(t, postgres.Migrate(context.Background(), dsn, o))
			refused(t, dsn, o, postgres.ErrUnfit, setting, "off")
		})
	}
}

// TestDefaultIsolation opens stores at a default isolation of REPEATABLE READ, at which a proposal
// that has waited would count too few others. The store's own pool sets READ COMMITTED. New returns
// ErrUnfit for a host's pool.
func TestDefaultIsolation(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	o := fresh(t, dsn)
	u, err := url.Parse(dsn)
	must(t, err)
	q := u.Query()
	q.Set("default_transaction_isolation", "repeatable read")
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	must(t, open(t, u.String(), o).Close(ctx))
	_, err = postgres.New(ctx, hostPool(t, u.String(), o), o)
	if !errors.Is(err, postgres.ErrUnfit) || !strings.Contains(err.Error(), "default_transaction_isolation is repeatable read") {
		t.Errorf("a host's pool: got error %v", err)
	}
}

// A server in recovery can be read, but refuses writes.
func TestServerInRecovery(t *testing.T) {
	folder := t.TempDir()
	server := servers.OwnPostgres(t, servers.PostgresOptions{Folder: folder})
	dsn := server.DSN("postgres")
	must(t, postgres.Migrate(context.Background(), dsn, postgres.Options{}))
	s := open(t, dsn, postgres.Options{})
	defer func() { must(t, s.Close(context.Background())) }()
	must(t, s.Ping(context.Background()))

	server.Stop()
	must(t, os.WriteFile(filepath.Join(folder, "data", "standby.signal"), nil, 0o644))
	server.Start()
	refused(t, dsn, postgres.Options{}, postgres.ErrUnfit, "recovery")
	if err := s.Ping(context.Background()); !errors.Is(err, uow.ErrUnreachable) {
		t.Errorf("Ping of an open store = %v for a server in recovery", err)
	}
	err := s.Run(context.Background(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
		return tx.Marks().Mark(ctx, "lost", time.UnixMilli(1))
	})
	if !errors.Is(err, uow.ErrUnreachable) {
		t.Errorf("a write to a server in recovery: got error %v", err)
	}
}

func TestOtherEncodings(t *testing.T) {
	dsn := servers.Postgres(t)
	u, err := url.Parse(dsn)
	must(t, err)
	name := strings.TrimPrefix(u.Path, "/") + "_ascii"
	c, err := pgx.Connect(context.Background(), dsn)
	must(t, err)
	create := "CREATE DATABASE " + name + " ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"
	if c.PgConn().ParameterStatus("server_version") >= "15" { // its ICU does not support this encoding
		create += " LOCALE_PROVIDER libc"
	}
	must(t, c.Close(context.Background()))
	runSQL(t, dsn, create)
	defer runSQL(t, dsn, "DROP DATABASE "+name)
	u.Path = "/" + name
	refused(t, u.String(), postgres.Options{}, postgres.ErrUnfit, "SQL_ASCII", "UTF8")
}

func TestSchemaVersions(t *testing.T) {
	dsn := servers.Postgres(t)
	refused(t, dsn, postgres.Options{}, postgres.ErrOutdated, "cicerone")

	o := fresh(t, dsn)
	table := pgx.Identifier{o.Schema, "schema_versions"}.Sanitize()
	runSQL(t, dsn, "INSERT INTO "+table+" VALUES (99999)")
	refused(t, dsn, o, postgres.ErrNewer, "99999")
	if err := postgres.Migrate(context.Background(), dsn, o); !errors.Is(err, postgres.ErrNewer) {
		t.Errorf("Migrate: got error %v", err)
	}
	runSQL(t, dsn, "DELETE FROM "+table+" WHERE version > 0")
	refused(t, dsn, o, postgres.ErrOutdated, o.Schema)
}

func TestUnreachableOrRefusingServers(t *testing.T) {
	dsn := servers.Postgres(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	for name, c := range map[string]struct {
		change func(u *url.URL)
		want   error
	}{
		"nobody there":   {func(u *url.URL) { u.Host = l.Addr().String() }, uow.ErrUnreachable},
		"wrong password": {func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "not the password") }, uow.ErrRefused},
		"no such user":   {func(u *url.URL) { u.User = url.UserPassword("absent", "not the password") }, uow.ErrRefused},
		"no database":    {func(u *url.URL) { u.Path = "/absent" }, uow.ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			u, err := url.Parse(dsn)
			must(t, err)
			c.change(u)
			refused(t, u.String(), postgres.Options{}, c.want)
			password, _ := u.User.Password()
			if _, err := postgres.Open(context.Background(), u.String(), postgres.Options{}); strings.Contains(err.Error(), password) {
				t.Errorf("the error contains the password: %v", err)
			}
			if err := postgres.Migrate(context.Background(), u.String(), postgres.Options{}); !errors.Is(err, c.want) {
				t.Errorf("Migrate: got error %v, want %v", err, c.want)
			}
		})
	}
}

func TestInvalidOptions(t *testing.T) {
	for name, o := range map[string]postgres.Options{
		"a negative time":          {StatementTimeout: -time.Second},
		"less than a millisecond":  {LockTimeout: time.Microsecond},
		"a negative size":          {MaxConns: -1},
		"a long name":              {Schema: strings.Repeat("s", 64)},
		"exclusive, and PgBouncer": {Exclusive: true, PgBouncer: true},
	} {
		if s, err := postgres.Open(context.Background(), "postgres://127.0.0.1:1/", o); err == nil || errors.Is(err, uow.ErrUnreachable) {
			t.Errorf("%s: Open = %v, %v", name, s, err)
		}
		if err := o.Configure(&pgxpool.Config{}); err == nil {
			t.Errorf("%s: Configure returned no error", name)
		}
	}
	if _, err := postgres.Open(context.Background(), "postgres://[::1", postgres.Options{}); err == nil {
		t.Error("got no error for an invalid DSN")
	}
}

// A copy opens a store exclusively; servers share it.
func TestExclusive(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	o := fresh(t, dsn)
	alone := o
	alone.Exclusive = true

	one, two := open(t, dsn, o), open(t, dsn, o)
	refused(t, dsn, alone, postgres.ErrInUse)
	must(t, one.Close(ctx))
	refused(t, dsn, alone, postgres.ErrInUse)
	must(t, two.Close(ctx))

	workload.Within(t, 10*time.Second, func() error { // the server may notice late that a connection is closed
		s, err := postgres.Open(ctx, dsn, alone)
		if err != nil {
			return err
		}
		refused(t, dsn, o, postgres.ErrInUse)
		refused(t, dsn, alone, postgres.ErrInUse)
		other := open(t, dsn, fresh(t, dsn)) // another schema is another store
		must(t, other.Close(ctx))
		must(t, s.Ping(ctx))
		return s.Close(ctx)
	})
	workload.Within(t, 10*time.Second, func() error {
		s, err := postgres.Open(ctx, dsn, o)
		if err != nil {
			return err
		}
		return s.Close(ctx)
	})
}

// A host's pool is used with its settings, and Close does not close it.
func TestHostPoolStaysOpen(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	o := fresh(t, dsn)
	pool := hostPool(t, dsn, o)
	defer pool.Close()

	s, err := postgres.New(ctx, pool, o)
	must(t, err)
	must(t, s.Run(ctx, uow.Write, func(ctx context.Context, tx ports.Tx) error { return tx.Marks().Mark(ctx, "kept", time.UnixMilli(1)) }))
	must(t, s.Close(ctx))
	if err := s.Ping(ctx); !errors.Is(err, uow.ErrUnreachable) {
		t.Errorf("Ping after Close = %v", err)
	}
	must(t, pool.Ping(ctx))
	var marks int
	must(t, pool.QueryRow(ctx, "SELECT count(*) FROM "+pgx.Identifier{o.Schema, "store_marks"}.Sanitize()).Scan(&marks))
	if marks != 1 {
		t.Errorf("%d marks", marks)
	}

	o.Exclusive = true
	if _, err := postgres.New(ctx, pool, o); err == nil {
		t.Error("got no error for the exclusive use of a host's pool")
	}
}
