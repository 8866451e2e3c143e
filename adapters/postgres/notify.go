package postgres

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"github.com/cicerone-go/cicerone/core/events"
)

// probeEvery is how long Watch waits for a notification before it looks whether its connection still
// works.
const probeEvery = 30 * time.Second

// channel is what the processes of the store listen to. Other schemas of the database have others.
func (s *Store) channel() string {
	return "cicerone_" + strconv.FormatUint(uint64(lockNumber("events", s.options.Schema)), 36) // #nosec G115 -- any number will do
}

// Notify implements events.Notifier. A transaction that notifies holds, while it commits, a lock that
// is one for the whole server. This one has nothing else to commit, and does not wait for the disk.
func (s *Store) Notify(ctx context.Context) error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	c := &conn{store: s}
	defer c.leave(ctx)
	if err := c.acquire(ctx); err != nil {
		return fmt.Errorf("postgres: notify: %w", err)
	}
	_, err := c.exec(ctx, "SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)", s.channel(), s.name)
	if err != nil {
		return fmt.Errorf("postgres: notify: %w", err)
	}
	return nil
}

// Watch implements events.Notifier, on a connection of its own beside those of the pool. It returns
// events.ErrNoWatch if there is a pooler (Options.PgBouncer), which does not pass notifications on,
// and if the store is open for this process alone.
func (s *Store) Watch(ctx context.Context, woken func()) error {
	if s.options.PgBouncer || s.options.Exclusive {
		return fmt.Errorf("postgres: listen: %w", events.ErrNoWatch)
	}
	err := s.gate.Run(ctx, func(ctx context.Context) error { return s.listen(ctx, woken) })
	return fmt.Errorf("postgres: listen: %w", err)
}

func (s *Store) listen(ctx context.Context, woken func()) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
		defer cancel()
		_ = c.Close(ctx) // nothing is left to do on it
	}()
	if _, err := c.Exec(ctx, "LISTEN "+s.channel()); err != nil {
		return err
	}
	woken()
	for {
		n, err := s.next(ctx, c)
		if err != nil {
			return err
		}
		if n != nil && n.Payload != s.name {
			woken()
		}
	}
}

// connect makes a connection like those of the pool. The pool's handling of an ended context does not
// suit one that waits for hours, because it asks the server to cancel a statement.
func (s *Store) connect(ctx context.Context) (*pgx.Conn, error) {
	pool := s.pool.Config()
	config := pool.ConnConfig
	if pool.BeforeConnect != nil {
		if err := pool.BeforeConnect(ctx, config); err != nil {
			return nil, err
		}
	}
	config.OnNotification = nil // a host's pool may have one
	config.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.DeadlineContextWatcherHandler{Conn: c.Conn()}
	}
	return pgx.ConnectConfig(ctx, config)
}

// next waits for a notification. It returns nil if none came for a while, and the connection works.
func (s *Store) next(ctx context.Context, c *pgx.Conn) (*pgconn.Notification, error) {
	waiting, cancel := context.WithTimeout(ctx, probeEvery)
	defer cancel()
	n, err := c.WaitForNotification(waiting)
	if err == nil || ctx.Err() != nil || waiting.Err() == nil {
		return n, err
	}
	probing, cancel := context.WithTimeout(ctx, s.options.patience())
	defer cancel()
	return nil, c.Ping(probing)
}
