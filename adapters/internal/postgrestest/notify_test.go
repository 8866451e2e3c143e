package postgrestest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/uow"
)

// listener is a call of Watch.
type listener struct {
	t     *testing.T
	woken chan struct{}
	ended chan error
}

// listen calls Watch and waits until it listens. The Watch ends with ctx.
func listen(ctx context.Context, t *testing.T, s *postgres.Store) *listener {
	t.Helper()
	l := &listener{t, make(chan struct{}, 100), make(chan error, 1)}
	go func() { l.ended <- s.Watch(ctx, func() { l.woken <- struct{}{} }) }()
	l.wakes("when it begins to listen")
	return l
}

func (l *listener) wakes(when string) {
	l.t.Helper()
	select {
	case <-l.woken:
	case err := <-l.ended:
		l.t.Fatalf("it has ended %s: %v", when, err)
	case <-time.After(maxWait):
		l.t.Fatalf("it was not woken %s", when)
	}
}

// end waits until Watch has returned.
func (l *listener) end() error {
	l.t.Helper()
	select {
	case err := <-l.ended:
		return err
	case <-time.After(maxWait):
		l.t.Fatal("Watch has not returned")
		return nil
	}
}

// quiet fails the test if the listener was woken.
func (l *listener) quiet(by string) {
	l.t.Helper()
	if n := len(l.woken); n > 0 {
		l.t.Errorf("it was woken %d times by %s", n, by)
	}
}

// TestNotify checks that a notification wakes the other stores of its schema, and no others.
func TestNotify(t *testing.T) {
	dsn := servers.Postgres(t)
	o, elsewhere := fresh(t, dsn), fresh(t, dsn)
	var stores []*postgres.Store
	for _, o := range []postgres.Options{o, o, elsewhere} {
		s := open(t, dsn, o)
		t.Cleanup(func() { must(t, s.Close(context.Background())) })
		stores = append(stores, s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	own, other, strange := listen(ctx, t, stores[0]), listen(ctx, t, stores[1]), listen(ctx, t, stores[2])
	must(t, stores[0].Notify(ctx))
	other.wakes("after Notify")
	must(t, stores[1].Notify(ctx))
	own.wakes("after Notify")
	other.quiet("its own Notify")
	strange.quiet("a Notify of another schema")
	cancel()
	for _, l := range []*listener{own, other, strange} {
		if err := l.end(); !errors.Is(err, context.Canceled) {
			t.Errorf("Watch returned %v, want context.Canceled", err)
		}
	}
}

// TestWatchEnds checks that Watch returns when its connection is terminated, and when the store is
// closed.
func TestWatchEnds(t *testing.T) {
	dsn := servers.Postgres(t)
	s := open(t, dsn, fresh(t, dsn))
	l := listen(t.Context(), t, s)
	runSQL(t, dsn, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN cicerone_%' AND datname = current_database()")
	if err := l.end(); err == nil || errors.Is(err, events.ErrNoWatch) {
		t.Errorf("Watch returned %v after its connection was terminated", err)
	}
	l = listen(t.Context(), t, s)
	must(t, s.Close(t.Context())) // waits for Watch
	if err := l.end(); !errors.Is(err, uow.ErrUnreachable) {
		t.Errorf("Watch returned %v after Close", err)
	}
	if err := s.Notify(t.Context()); !errors.Is(err, uow.ErrUnreachable) {
		t.Errorf("Notify returned %v after Close", err)
	}
}

// TestPollingBehindPgBouncer checks that a relay behind a pooler finds the events of other
// processes, and that its notifications reach processes that are connected to the server directly.
func TestPollingBehindPgBouncer(t *testing.T) {
	dsn := servers.Postgres(t)
	o := fresh(t, dsn)
	direct := open(t, dsn, o)
	o.PgBouncer = true
	pooled := open(t, servers.PgBouncer(t, dsn), o)
	defer func() { must(t, errors.Join(direct.Close(context.Background()), pooled.Close(context.Background()))) }()
	if err := pooled.Watch(t.Context(), func() { t.Error("woken") }); !errors.Is(err, events.ErrNoWatch) {
		t.Errorf("Watch returned %v, want ErrNoWatch", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	l := listen(ctx, t, direct)
	must(t, pooled.Notify(ctx))
	l.wakes("by a store behind PgBouncer")
	cancel()
	if err := l.end(); !errors.Is(err, context.Canceled) {
		t.Errorf("Watch returned %v, want context.Canceled", err)
	}
	var inbox workload.Inbox
	defer workload.Deliver(pooled, 10*time.Millisecond, inbox.Handle, func(err error) { t.Log(err) })()
	c := over(direct)
	_, _, err := c.Populate(t.Context(), 2)
	must(t, err)
	inbox.Judge(t, c, maxWait)
}
