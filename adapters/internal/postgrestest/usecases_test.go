package postgrestest

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// roundTrips is the number of round trips of each use case, with its statements prepared. For use
// cases with an idempotency key, it includes the round trip that claims the key.
var roundTrips = map[string]int{
	"send a message":          1,
	"send a picture":          4,
	"read messages":           1,
	"open a conversation":     8,
	"propose":                 1,
	"accept":                  1,
	"decline":                 6,
	"cancel":                  1,
	"settle":                  9,
	"sign up":                 7,
	"sign in":                 6,
	"refresh":                 3,
	"change a password":       9,
	"change an account":       3,
	"save a profile":          6,
	"block":                   5,
	"report":                  4,
	"report a message":        6,
	"move a report":           4,
	"deactivate somebody":     4,
	"suspend somebody":        5,
	"lift a sanction":         5,
	"post tokens":             5,
	"change an interest":      5,
	"leave":                   19,
	"read a page of messages": 1,
	"read a report":           9,
	"list conversations":      1,
	"search":                  1,
	"look into a wallet":      1,
}

// TestRoundTripsOfUseCases counts the round trips on the wire. To check the session of the caller, too,
// takes no further one.
func TestRoundTripsOfUseCases(t *testing.T) {
	dsn := servers.Postgres(t)
	for _, u := range community.UseCases {
		t.Run(u.Name, func(t *testing.T) {
			for _, guarded := range []bool{false, true} {
				o, wire := fresh(t, dsn), &wire{}
				o.MaxConns = 1
				pool := wire.pool(t, dsn, o)
				if got := wire.do(t, pool, o, u, guarded); got != roundTrips[u.Name] {
					t.Errorf("got %d round trips, with a check of the session: %v; want %d", got, guarded, roundTrips[u.Name])
				}
				pool.Close()
			}
		})
	}
}

// do runs a use case on a new scene, and returns the number of its round trips. If guarded is true, its
// units begin with the check of a session.
func (w *wire) do(t *testing.T, pool *pgxpool.Pool, o postgres.Options, u community.UseCase, guarded bool) int {
	t.Helper()
	ctx, clock := context.Background(), community.NewClock()
	store, err := postgres.New(ctx, pool, o)
	must(t, err)
	s, err := community.NewScene(ctx, community.New(store, clock, id.NewGenerator(nil), uow.Policy{}), clock)
	must(t, err)
	if guarded {
		caller := s.Voyager
		if u.Name == "accept" || u.Name == "read messages" || u.Name == "read a page of messages" { // statements that check the session of the local
			caller = s.Local
			_, err := s.Users.SignIn(ctx, users.SignIn{Email: "local0@example.org", Password: community.Password})
			must(t, err)
		}
		open, err := s.Users.Sessions(ctx, caller, page.Request[page.Moment]{})
		must(t, err)
		p := users.Presence{User: caller, Session: open.Items[0].ID, Open: users.SessionFilter{Live: true}}
		check := func(ctx context.Context, tx ports.Tx) error { return users.CheckPresence(ctx, tx, p) }
		ctx, _ = s.Store.Guarded(ctx, check)
	}
	w.take()
	must(t, u.Do(ctx, s, "a-key"))
	n := w.take()
	must(t, store.Close(ctx))
	return n
}

// wire counts the round trips of its connections: a round trip begins when data is sent after data
// was received. Round trips that prepare statements, which begin with a Parse message, happen once
// per connection and are not counted.
type wire struct {
	mu       sync.Mutex
	trips    int
	received bool
}

func (w *wire) take() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.trips
	w.trips, w.received = 0, true
	return n
}

func (w *wire) pool(t *testing.T, dsn string, o postgres.Options) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(dsn)
	must(t, err)
	must(t, o.Configure(config))
	config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	dial := config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &counted{c, w}, nil
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	must(t, err)
	return pool
}

type counted struct {
	net.Conn
	wire *wire
}

func (c *counted) Write(b []byte) (int, error) {
	c.wire.mu.Lock()
	const parse = 'P'
	if c.wire.received && b[0] != parse {
		c.wire.trips++
	}
	c.wire.received = false
	c.wire.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.wire.mu.Lock()
	c.wire.received = c.wire.received || n > 0
	c.wire.mu.Unlock()
	return n, err
}
