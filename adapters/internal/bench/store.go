package bench

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/cicerone-go/cicerone/adapters/internal/programs"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
)

// store is the store of the measured server.
type store struct {
	kind    string // memory, sqlite, postgres or mongodb
	address string // for --store
	version string // of the database; "" if the store needs none
	pid     int    // of the database's first process; 0 if it does not run on this machine
	floor   bool   // the floor runs on it
	cores   *cores // of the servers that use it
}

// newStore makes an empty store.
func newStore(t *testing.T, address string, server programs.Server) store {
	t.Helper()
	kind, path, _ := strings.Cut(address, ":")
	s := store{kind: kind, address: kind}
	switch kind {
	case "sqlite":
		if path == "" {
			path = filepath.Join(t.TempDir(), "bench.db")
		}
		s.address = "sqlite:" + path
	case "postgres":
		s.address = servers.Postgres(t)
		server.Migrate(t, s.address)
		s.readPostgres(t)
	case "mongodb":
		s.address = servers.Mongo(t)
		server.Migrate(t, s.address)
		s.version, s.pid = mongoOf(t, s.address)
	}
	return s
}

// loses reports whether the data is lost when the server ends.
func (s store) loses() bool { return s.kind == "memory" }

// served returns the store as the server opens it.
func (s store) served(o Options) store {
	if o.Single {
		separator := "?"
		if strings.Contains(s.address, "?") {
			separator = "&"
		}
		parameter := "group_commit=false"
		if s.kind == "mongodb" {
			parameter = "groupCommit=false"
		}
		s.address += separator + parameter
	}
	return s
}

// within calls do with a connection to a PostgreSQL database.
func within(t *testing.T, dsn string, do func(ctx context.Context, c *pgx.Conn) error) {
	t.Helper()
	ctx := t.Context()
	c, err := pgx.Connect(ctx, dsn)
	must(t, err)
	err = do(ctx, c)
	must(t, c.Close(ctx))
	must(t, err)
}

// readPostgres reads the version of a server and its first process, of which all others are children.
func (s *store) readPostgres(t *testing.T) {
	t.Helper()
	within(t, s.address, func(ctx context.Context, c *pgx.Conn) error {
		var backend int
		err := c.QueryRow(ctx, `SELECT pg_backend_pid(), 'PostgreSQL ' || current_setting('server_version'),
			EXISTS (SELECT FROM pg_proc WHERE proname = 'bit_count')`).Scan(&backend, &s.version, &s.floor)
		if parent, here := parentNamed(backend, "postgres"); here {
			s.pid = parent
		}
		return err
	})
}

// mongoOf returns the version of a server and its process.
func mongoOf(t *testing.T, uri string) (version string, pid int) {
	t.Helper()
	ctx := t.Context()
	client, err := mongo.Connect(ctx, options.Client().ApplyURI(uri))
	must(t, err)
	var build struct {
		Version string `bson:"version"`
	}
	var status struct {
		PID int `bson:"pid"`
	}
	admin := client.Database("admin")
	err = admin.RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Decode(&build)
	refused := admin.RunCommand(ctx, bson.D{{Key: "serverStatus", Value: 1}}).Decode(&status)
	must(t, errors.Join(err, client.Disconnect(ctx)))
	switch {
	case refused != nil:
		t.Logf("the CPU time of MongoDB is not known: %v", refused) // this user may not ask
	case named(status.PID, "mongod"):
		pid = status.PID
	}
	return "MongoDB " + build.Version, pid
}

// settle leaves the database with the statistics that it would have after a while.
func (s store) settle(t *testing.T) {
	t.Helper()
	if s.kind != "postgres" {
		return
	}
	within(t, s.address, func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, "VACUUM ANALYZE")
		return err
	})
}

// recount lets the migrations count the messages of a PostgreSQL store again: the bare floor and
// pgbench do not change the conversations of their messages.
func (s store) recount(t *testing.T, server programs.Server) {
	t.Helper()
	within(t, s.address, func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, `UPDATE cicerone.conversation_activity SET done = false;
			UPDATE cicerone.conversation_counts SET done = false`)
		return err
	})
	server.Migrate(t, s.address)
}

// clone returns a copy of a PostgreSQL store, which no server may be using. The copy is dropped
// when the test ends.
func (s store) clone(t *testing.T) store {
	t.Helper()
	u, err := url.Parse(s.address)
	must(t, err)
	name := strings.TrimPrefix(u.Path, "/")
	maintenance := *u
	maintenance.Path = "/postgres"
	execute := func(statement string) {
		within(t, maintenance.String(), func(ctx context.Context, c *pgx.Conn) error {
			_, err := c.Exec(ctx, statement)
			return err
		})
	}
	execute("CREATE DATABASE " + name + "_floor TEMPLATE " + name)
	t.Cleanup(func() {
		c, err := pgx.Connect(context.Background(), maintenance.String()) // the test's context has ended
		if err == nil {
			_, err = c.Exec(context.Background(), "DROP DATABASE "+name+"_floor WITH (FORCE)")
			_ = c.Close(context.Background()) // nothing was lost
		}
		if err != nil {
			t.Errorf("drop the floor's database: %v", err)
		}
	})
	u.Path += "_floor"
	s.address = u.String()
	return s
}

// writeTalkers writes the talkers to a table, from which pgbench reads them.
func (s store) writeTalkers(t *testing.T, all []*talker) {
	t.Helper()
	within(t, s.address, func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, `CREATE TABLE floor.talkers
			(n integer PRIMARY KEY, user_id uuid NOT NULL, conversation_id uuid NOT NULL)`)
		for _, one := range all {
			if err == nil {
				_, err = c.Exec(ctx, "INSERT INTO floor.talkers VALUES ($1, $2, $3)", one.number, one.user, one.talk)
			}
		}
		if err != nil {
			return fmt.Errorf("write the talkers: %w", err)
		}
		return nil
	})
}
