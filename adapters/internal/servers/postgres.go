package servers

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/modules/postgres"
)

const (
	maxConnections  = "200"
	installPostgres = "install it (apt-get install postgresql, brew install postgresql), %s, or set CICERONE_POSTGRES_DSN"
)

// Postgres returns the address, postgres://…, of a new empty database, which is dropped when the
// test ends. Its encoding is UTF-8. If the server was started here and supports ICU, the database
// sorts text by the rules of a human language, so that tests fail if COLLATE "C" is missing.
func Postgres(t testing.TB) string {
	t.Helper()
	server := sharedPostgres().require(t, "postgres")
	dsn, drop, err := newDatabase(server)
	if err != nil {
		t.Fatalf("create a database for the test: %v", err)
	}
	t.Cleanup(func() {
		if err := drop(); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return dsn
}

var sharedPostgres = sync.OnceValue(func() found {
	if dsn := os.Getenv("CICERONE_POSTGRES_DSN"); dsn != "" {
		if err := given(dsn); err != nil {
			return found{err: fmt.Errorf("CICERONE_POSTGRES_DSN: %w", err)}
		}
		return found{address: dsn}
	}
	dsn, advice, failed := inDocker("PostgreSQL", dockerPostgres)
	if dsn != "" {
		return found{address: dsn}
	}
	if postgresBinaries() == "" {
		return found{missing: "no PostgreSQL server: " + fmt.Sprintf(installPostgres, advice), failed: failed}
	}
	server, err := newPostgresServer(PostgresOptions{})
	if err != nil {
		return found{err: err, failed: failed}
	}
	if err := server.start(); err != nil {
		return found{err: errors.Join(err, server.home.remove()), failed: failed}
	}
	return found{address: server.DSN("postgres"), failed: failed, process: server.process}
})

// given returns an error if no server answers at the address, which comes from the environment.
func given(dsn string) error {
	if _, err := parseDSN(dsn); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return ping(ctx, dsn)
}

// dockerPostgres runs a server in a container that ends with this process, whether or not
// testcontainers' reaper is enabled.
func dockerPostgres(ctx context.Context, e *engine) (string, error) {
	server, err := postgres.Run(ctx, "postgres:17-alpine",
		postgres.WithPassword(hex.EncodeToString(randomBytes(16))), // the module's default is public
		testcontainers.WithEntrypoint(leashedEntrypoint()...),
		// The module's default command has fsync off, which the adapter rejects.
		testcontainers.WithCmd("postgres", "-c", "fsync=on", "-c", "full_page_writes=on", "-c", "max_connections="+maxConnections),
		testcontainers.WithEnv(map[string]string{"POSTGRES_INITDB_ARGS": "--encoding=UTF8 --locale-provider=icu --icu-locale=en-US"}),
		testcontainers.WithHostConfigModifier(func(host *container.HostConfig) {
			host.AutoRemove = true
			binding := network.PortBinding{}
			if ip := e.publishes(); ip != "" {
				binding.HostIP = netip.MustParseAddr(ip)
			}
			host.PortBindings = network.PortMap{network.MustParsePort("5432/tcp"): {binding}}
		}),
		testcontainers.WithAdditionalLifecycleHooks(testcontainers.ContainerLifecycleHooks{
			PostStarts: []testcontainers.ContainerHook{func(_ context.Context, c testcontainers.Container) error {
				return holdLeash(e.pool.Client, c.GetContainerID())
			}},
		}),
		postgres.BasicWaitStrategies())
	if err != nil {
		return "", errors.Join(err, testcontainers.TerminateContainer(server))
	}
	return server.ConnectionString(ctx, "sslmode=disable")
}

// newDatabase creates a database on a server. It returns the address, and a function that drops the
// database.
func newDatabase(server string) (dsn string, drop func() error, err error) {
	name := "cicerone_test_" + hex.EncodeToString(randomBytes(8))
	if dsn, err = ofDatabase(server, name); err != nil {
		return "", nil, err
	}
	if err := execute(server, "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'UTF8'"); err != nil {
		return "", nil, err
	}
	return dsn, func() error { return execute(server, "DROP DATABASE "+name+" WITH (FORCE)") }, nil
}

// execute runs one statement on a new connection.
func execute(dsn, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

func ping(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	return errors.Join(conn.Ping(ctx), conn.Close(ctx))
}
