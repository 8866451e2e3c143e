package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

var (
	_ ports.Storage   = (*Store)(nil)
	_ ports.Measured  = (*Store)(nil)
	_ events.Notifier = (*Store)(nil)
)

// Store is a store in a schema of a database. It is safe for concurrent use. Open and New make one.
type Store struct {
	pool    *pgxpool.Pool
	hosts   bool // the pool is a host's, and its sessions do not have the store's settings
	options Options
	name    string   // no two stores have the same
	texts   sync.Map // statement to its text with the schema
	gate    *uow.Gate

	searches sync.Map // see conn.keptSearch

	groups *groups // nil unless units share commits

	waiting, roundTrips atomic.Int64 // see Stats
}

func newStore(pool *pgxpool.Pool, o Options, release func()) *Store {
	s := &Store{pool: pool, options: o, name: rand.Text(), gate: uow.NewGate("postgres", func() error { release(); return nil })}
	if !o.NoGroupCommit {
		s.groups = uow.NewGroups(s.gate, grace, s.commitTogether)
	}
	return s
}

// statement is SQL with an @ before each table's name, in place of the schema.
type statement string

// text inserts the schema into a statement.
func (s *Store) text(st statement) string {
	if text, found := s.texts.Load(st); found {
		return text.(string) //nolint:forcetypeassert // nothing else is stored
	}
	text := strings.ReplaceAll(string(st), "@", s.options.prefix())
	s.texts.Store(st, text)
	return text
}

// Run implements uow.Runner. Apart from the error of fn, it returns ctx.Err() (wrapped), the error
// of the repository that ended the unit, or one of package uow: ErrConflict, also if another unit
// held a lock for longer than Options.LockTimeout; ErrUnreachable, also if no connection became
// free within Options.AcquireTimeout, and after Close; ErrOutcomeUnknown if the connection was lost
// during the commit. Run runs a unit once. Writes are sent together with the next read or the
// commit, which may therefore return the error of a write that breaks a rule.
func (s *Store) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("postgres: begin: %w", err)
	}
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	if h := s.hosted(ctx); h != nil {
		return h.run(ctx, s, mode, fn)
	}
	c := &conn{store: s}
	switch mode {
	case uow.Write:
		c.frame = writing
	case uow.Snapshot:
		c.frame = snapshot
	}
	return c.run(ctx, mode, fn)
}

// run gets a connection, if c has none, calls fn with a unit, and commits it unless there was an
// error.
func (c *conn) run(outside context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	u := newUnit(outside, mode, c)
	ctx := &u.inside
	defer c.leave(ctx)
	if c.on == nil {
		if err := c.acquire(ctx); err != nil {
			return fmt.Errorf("postgres: begin: %w", err)
		}
	}
	if err := u.Run(func() error { return fn(ctx, u) }); err != nil {
		return c.ofHost(c.refused(ctx, err))
	}
	if err := ctx.Err(); err != nil && !c.whole {
		return fmt.Errorf("postgres: commit: %w", err)
	}
	if err := c.end(ctx); err != nil {
		return fmt.Errorf("postgres: commit: %w", err)
	}
	return nil
}

// refused returns the error of a check that is queued, which comes before that of fn, or err.
func (c *conn) refused(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, fault.Unavailable) {
		return err // the check would fail for the same reason
	}
	if refusal := c.settle(ctx); refusal != nil && !errors.Is(refusal, fault.Unavailable) && ctx.Err() == nil {
		return fmt.Errorf("postgres: %w", refusal)
	}
	return err
}

// acquire gets a connection of the pool.
func (c *conn) acquire(ctx context.Context) error {
	s := c.store
	waiting := c.startWait(ctx, s.options.AcquireTimeout, errNoConnection)
	defer waiting.stop()
	s.waiting.Add(1)
	lease, err := s.pool.Acquire(waiting)
	s.waiting.Add(-1)
	switch {
	case err == nil:
		c.lease, c.on = lease, lease
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("get a connection: %w", ctx.Err())
	case errors.Is(context.Cause(waiting), errNoConnection):
		err = fmt.Errorf("%w: %w", errNoConnection, err)
	case isRefused(err):
		return uow.ErrRefused.Wrap(fmt.Errorf("get a connection: %w", err))
	}
	return uow.ErrUnreachable.Wrap(fmt.Errorf("get a connection: %w", err))
}

// Ping reads from the store. It returns uow.ErrRefused (wrapped) if the server rejects the user,
// the password or the database, and otherwise uow.ErrUnreachable (wrapped): also after Close, if
// ctx has ended, and if the server is read-only.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	if err := s.ping(ctx); err != nil {
		if !errors.Is(err, fault.Unavailable) {
			err = uow.ErrUnreachable.Wrap(err)
		}
		return fmt.Errorf("postgres: ping: %w", err)
	}
	return nil
}

func (s *Store) ping(ctx context.Context) error {
	c := &conn{store: s}
	defer c.leave(ctx)
	if err := c.acquire(ctx); err != nil {
		return err
	}
	readOnly, err := find(ctx, c, value((*row).bool),
		"SELECT current_setting('transaction_read_only')::bool WHERE (SELECT count(*) FROM @store_marks) >= 0")
	if err == nil && readOnly {
		err = errReadOnly
	}
	return err
}

// Stats implements ports.Measured.
func (s *Store) Stats() ports.Stats {
	pool := s.pool.Stat()
	return ports.Stats{
		InUse: int(pool.AcquiredConns()), Idle: int(pool.IdleConns()), Most: int(pool.MaxConns()),
		Waiting: int(s.waiting.Load()), RoundTrips: s.roundTrips.Load(),
	}
}

// Close waits for running units until ctx ends, and closes the pool if Open made it. If ctx ends
// first, Close returns ctx.Err() (wrapped), and the last unit closes the pool. Close may be called
// again.
func (s *Store) Close(ctx context.Context) error { return s.gate.Close(ctx) }

// lockNumber returns the number of an advisory lock; the server knows such locks only by numbers.
// If two locks have the same number, their holders merely wait for each other.
func lockNumber(parts ...string) int64 {
	h := fnv.New64a()
	for _, p := range append([]string{"github.com/cicerone-go/cicerone"}, parts...) {
		_, _ = h.Write(append([]byte(p), 0)) // it never fails
	}
	return int64(h.Sum64()) // #nosec G115 -- any number will do
}

// lockOf returns the number of an advisory lock of the store's schema.
func (s *Store) lockOf(parts ...string) int64 {
	return lockNumber(append([]string{s.options.Schema}, parts...)...)
}

// hold takes an advisory lock until the unit ends; the next round trip takes it. A unit may take a
// lock twice.
func (c *conn) hold(parts ...string) { c.later(holdLock, c.store.lockOf(parts...)) }

const holdLock statement = "SELECT pg_advisory_xact_lock($1)"
