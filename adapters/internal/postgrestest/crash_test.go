package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// TestServerKilled kills the server under load with SIGKILL, again and again. A subscriber gets the event of
// every change, in order, and of no other, and the row that a joined subscriber wrote is there for each of
// them and for no other.
func TestServerKilled(t *testing.T) {
	kills := size(5, 50)
	server := servers.OwnPostgres(t, servers.PostgresOptions{})
	runSQL(t, server.DSN("postgres"), "CREATE TABLE public.diary (line text NOT NULL)")
	var diary workload.Diary
	l := newLife(t, serveOver(t, server.DSN("postgres"), impatient, func(s *postgres.Store) ports.Storage {
		diary = diaryIn(s)
		return diary.Keep(s)
	}))
	l.Listen(diary)
	for range kills {
		l.Work()
		server.Kill()
		if err := l.storage.Ping(t.Context()); !errors.Is(err, uow.ErrUnreachable) {
			t.Errorf("Ping = %v while the server is down", err)
		}
		server.Start() // returns when it accepts connections
		l.Healed()
	}
	l.End(fmt.Sprintf("%d kills", kills))
}

// impatient returns options with short timeouts.
var impatient = postgres.Options{
	MaxConns: 8, StatementTimeout: 2 * time.Second, LockTimeout: time.Second, AcquireTimeout: time.Second,
}

// size returns the number of repetitions: usual, or soak if CICERONE_SOAK=1 is set.
func size(usual, soak int) int {
	if os.Getenv("CICERONE_SOAK") == "1" {
		return soak
	}
	return usual
}

// service is a store with its services, as in a running program.
type service struct {
	*community.Community
	storage *postgres.Store
	dsn     string
	options postgres.Options
	admin   id.User
	pairs   []community.Pair
}

// serve makes a service in a schema of its own, with eight pairs. At the end of the test it fails
// if goroutines are left.
func serve(t testing.TB, dsn string, o postgres.Options) *service {
	t.Helper()
	return serveOver(t, dsn, o, func(s *postgres.Store) ports.Storage { return s })
}

// serveOver is serve, with the community over what with makes of the store.
func serveOver(t testing.TB, dsn string, o postgres.Options, with func(*postgres.Store) ports.Storage) *service {
	t.Helper()
	before := goleak.IgnoreCurrent()
	o.Schema = fresh(t, dsn).Schema
	s := &service{storage: open(t, dsn, o), dsn: dsn, options: o}
	t.Cleanup(func() {
		if err := s.storage.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
		if !t.Failed() { // a failed test reports enough
			awaitNobody(t, before)
		}
	})
	s.Community = over(with(s.storage))
	var err error
	s.admin, s.pairs, err = s.Populate(t.Context(), 8)
	must(t, err)
	return s
}

// over makes the services over a store.
func over(storage ports.Storage) *community.Community {
	return community.New(storage, community.NewClock(), id.NewGenerator(nil), uow.Policy{MaxTime: 3 * time.Second})
}

// proxyLeak is a goroutine that toxiproxy leaves behind when a proxy is stopped and started quickly: it
// waits for the end of a tomb that the start has replaced.
var proxyLeak = goleak.IgnoreTopFunction("github.com/Shopify/toxiproxy/v2.(*Proxy).freeBlocker")

// awaitNobody fails the test if goroutines are left. pgx may take 15 s to close a connection.
func awaitNobody(t testing.TB, before goleak.Option) {
	t.Helper()
	var left error
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		if left = goleak.Find(before, proxyLeak); left == nil {
			return
		}
	}
	t.Error(left)
}

// life is a service whose server fails.
type life struct {
	*service
	*workload.Life
	t *testing.T
}

// maxWait is the time after which a test fails. The target of 2 s is measured, but not asserted.
const maxWait = 15 * time.Second

func newLife(t *testing.T, s *service) *life {
	return &life{s, workload.NewLife(t, s.Community, s.storage, s.admin, s.pairs, maxWait), t}
}

// End is Life.End. It also fails the test if no unit has met a failure.
func (l *life) End(what string) {
	l.t.Helper()
	l.Life.End(what)
	if l.Crowd.Counts().Unavailable == 0 {
		l.t.Error("no unit met a failure, so the test proves nothing")
	}
}

// connect makes a connection that does not belong to the service.
func connect(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), dsn)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // the server may be gone
	return conn
}

// connectTo returns a connection with the schema of a store as its search_path.
func connectTo(t testing.TB, dsn string, o postgres.Options) *pgx.Conn {
	t.Helper()
	c := connect(t, dsn)
	_, err := c.Exec(context.Background(), "SET search_path TO "+pgx.Identifier{o.Schema}.Sanitize())
	must(t, err)
	return c
}
