package sqlitetest

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/cicerone-go/cicerone/adapters/internal/reach"
	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// TestTablesOfRepositories checks that each repository uses only the tables that it may use.
func TestTablesOfRepositories(t *testing.T) {
	for _, w := range wrongReach(t, func(s *sqlite.Store) ports.Storage { return s }) {
		t.Error(w)
	}
}

// TestTableOfOtherDomainIsReported checks that TestTablesOfRepositories fails if a store reads
// reservations to return a wallet.
func TestTableOfOtherDomainIsReported(t *testing.T) {
	wrong := wrongReach(t, func(s *sqlite.Store) ports.Storage { return reaching{s} })
	if len(wrong) != 1 || !strings.HasPrefix(wrong[0], "Tokens.Wallet uses the table reservations: SELECT") {
		t.Errorf("got %q", wrong)
	}
}

func wrongReach(t *testing.T, plant func(s *sqlite.Store) ports.Storage) []string {
	t.Helper()
	seen := newTrace(t)
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "cicerone.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	wrong, err := reach.Wrong(t.Context(), plant(store), seen.take)
	if err := errors.Join(err, store.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	return wrong
}

// reaching is a store that reads reservations to return a wallet.
type reaching struct{ ports.Storage }

func (r reaching) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	return r.Storage.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error { return fn(ctx, reachingTx{tx}) })
}

type reachingTx struct{ ports.Tx }

func (tx reachingTx) Tokens() tokens.Repository {
	return reachingTokens{tx.Tx.Tokens(), tx.Tx.Reservations()}
}

type reachingTokens struct {
	tokens.Repository
	reservations reservations.Repository
}

func (r reachingTokens) Wallet(ctx context.Context, user id.User) (tokens.Wallet, error) {
	if _, err := r.reservations.Held(ctx, user); err != nil {
		return tokens.Wallet{}, err
	}
	return r.Repository.Wallet(ctx, user)
}

// trace collects the statements of all connections that are opened while a test runs. The driver
// has no hook for statements, so the trace is set with SQLite's own functions.
type trace struct {
	mu   sync.Mutex
	sent []reach.Statement

	connected func(tls *libc.TLS, db, message, api uintptr) int32
	began     func(tls *libc.TLS, event uint32, context, statement, text uintptr) int32
}

func newTrace(t *testing.T) *trace {
	t.Helper()
	tr := &trace{}
	tr.connected = func(tls *libc.TLS, db, _, _ uintptr) int32 {
		return sqlite3.Xsqlite3_trace_v2(tls, db, sqlite3.SQLITE_TRACE_STMT, pointer(&tr.began), 0)
	}
	tr.began = func(_ *libc.TLS, _ uint32, _, _, text uintptr) int32 {
		if sql := libc.GoString(text); !strings.HasPrefix(sql, "--") { // a statement of a trigger
			tr.mu.Lock()
			defer tr.mu.Unlock()
			sql = strings.ReplaceAll(sql, "outbox_batches", ports.Outbox.Name) // which is a view of that table
			tr.sent = append(tr.sent, reach.SQL(sql))
		}
		return sqlite3.SQLITE_OK
	}
	tls := libc.NewTLS()
	t.Cleanup(tls.Close)
	if code := sqlite3.Xsqlite3_auto_extension(tls, pointer(&tr.connected)); code != sqlite3.SQLITE_OK {
		t.Fatalf("SQLite returned %d", code)
	}
	t.Cleanup(func() { sqlite3.Xsqlite3_cancel_auto_extension(tls, pointer(&tr.connected)) })
	return tr
}

// pointer returns a Go function as the pointer that SQLite takes for a callback.
func pointer[F any](function *F) uintptr { return *(*uintptr)(unsafe.Pointer(function)) }

// take removes the collected statements and returns them.
func (tr *trace) take() []reach.Statement {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	sent := tr.sent
	tr.sent = nil
	return sent
}
