package postgrestest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// TestForeignLock checks a unit that waits for a lock of another transaction. The unit is retried,
// fails after the time of the policy, and succeeds when the lock is released.
func TestForeignLock(t *testing.T) {
	o := impatient
	o.LockTimeout = 50 * time.Millisecond
	s := serve(t, servers.Postgres(t), o)
	attempts := &attempts{Storage: s.storage}
	alone := &workload.Keyless{
		Community: community.New(attempts, community.NewClock(), id.NewGenerator(nil), uow.Policy{MaxTime: 500 * time.Millisecond}),
		Pair:      s.pairs[0],
	}
	release := s.lockWallet(t, s.pairs[0].Voyager)
	err := alone.Send(t.Context())
	var failed *fault.Error
	if !errors.Is(err, uow.ErrConflict) || !errors.As(err, &failed) || failed.Code != "store_busy" || failed.Kind != fault.Unavailable {
		t.Errorf("a message while the wallet is locked: got error %v, want %v", err, uow.ErrConflict)
	}
	if attempts.n < 2 {
		t.Errorf("got %d attempts", attempts.n)
	}
	release()
	must(t, alone.Send(t.Context()))
	alone.Judge(t)
	workload.Audit(t, s.Community)
}

// attempts counts the units that write.
type attempts struct {
	ports.Storage
	n int
}

func (a *attempts) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	if mode == uow.Write {
		a.n++
	}
	return a.Storage.Run(ctx, mode, fn)
}

// TestCancelledBehindLock checks that a unit that is cancelled while it waits for a lock does not
// keep waiting on the server, and that its connection can be used again.
func TestCancelledBehindLock(t *testing.T) {
	o := impatient
	o.MaxConns, o.LockTimeout, o.StatementTimeout = 1, time.Minute, time.Minute
	s := serve(t, servers.Postgres(t), o)
	observer := connect(t, s.dsn)
	release := s.lockWallet(t, s.pairs[0].Voyager)
	alone := &workload.Keyless{Community: s.Community, Pair: s.pairs[0]}
	process := s.process(t, observer)
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		answer := make(chan error, 1)
		go func() { answer <- alone.Send(ctx) }()
		awaitState(t, observer, process, "active Lock")
		cancel()
		if err := <-answer; !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled message: got error %v", err)
		}
		awaitState(t, observer, process, "idle Client")
	}
	release()
	must(t, alone.Send(t.Context()))
	if now := s.process(t, observer); now != process {
		t.Error("the connection was closed")
	}
	alone.Judge(t)
	workload.Audit(t, s.Community)
}

// lockWallet locks the wallet of a user, and returns a function that releases it.
func (s *service) lockWallet(t *testing.T, owner id.User) (release func()) {
	t.Helper()
	tx, err := connect(t, s.dsn).Begin(t.Context())
	must(t, err)
	wallets := pgx.Identifier{s.options.Schema, "wallets"}.Sanitize()
	tag, err := tx.Exec(t.Context(), "SELECT FROM "+wallets+" WHERE user_id = $1 FOR UPDATE", [16]byte(owner))
	must(t, err)
	if tag.RowsAffected() != 1 {
		t.Fatal("the wallet does not exist")
	}
	return func() {
		t.Helper()
		must(t, tx.Rollback(t.Context()))
	}
}

// process returns the process ID of the backend of the service's only connection.
func (s *service) process(t *testing.T, observer *pgx.Conn) (pid int) {
	t.Helper()
	must(t, observer.QueryRow(t.Context(), `SELECT pid FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = 'cicerone'`).Scan(&pid))
	return pid
}

// awaitState waits until a backend has the wanted state and wait event.
func awaitState(t *testing.T, observer *pgx.Conn, pid int, want string) {
	t.Helper()
	var state string
	for end := time.Now().Add(maxWait); time.Now().Before(end); {
		must(t, observer.QueryRow(t.Context(), `SELECT concat_ws(' ', state, wait_event_type) FROM pg_stat_activity
			WHERE pid = $1`, pid).Scan(&state))
		if state == want {
			return
		}
	}
	t.Fatalf("the process is %q, want %q", state, want)
}
