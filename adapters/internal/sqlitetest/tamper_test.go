package sqlitetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/tamper"
	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/ports"
)

// TestChangesAreFound changes the file with another program.
func TestChangesAreFound(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "store.db")
	o := mustOpen(t, path)
	defer o.close(t)
	db, err := sql.Open("sqlite", path)
	must(t, err)
	defer func() { must(t, db.Close()) }()
	db.SetMaxOpenConns(1)
	for _, guard := range []string{
		"PRAGMA ignore_check_constraints = ON", "DROP TRIGGER token_transactions_never_change", "DROP TRIGGER token_transactions_never_go",
		"DROP TRIGGER ledger_seals_never_change", "DROP TRIGGER ledger_seals_never_go",
	} {
		_, err := db.ExecContext(ctx, guard)
		must(t, err)
	}
	n := 400
	if soak() {
		n = 10_000
	}
	tamper.Find(ctx, t, o.Community, backdoor{db}, n)
}

type backdoor struct{ db *sql.DB }

func (b backdoor) Remove(ctx context.Context, table *ports.Table, key []any) error {
	_, err := b.db.ExecContext(ctx, "DELETE FROM "+table.Name+" WHERE user_id = ? AND seq = ?", values(key)...)
	return err
}

func (b backdoor) Insert(ctx context.Context, table *ports.Table, row ports.Row) error {
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(row)), ", ")
	_, err := b.db.ExecContext(ctx, fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table.Name, strings.Join(table.Names(), ", "), marks), values(row)...)
	return err
}

func values(row []any) []any {
	all := make([]any, len(row))
	for i, v := range row {
		switch v := v.(type) {
		case [16]byte:
			all[i] = v[:]
		case time.Time:
			all[i] = v.UnixMilli()
		default:
			all[i] = v
		}
	}
	return all
}

// TestSealingContinues opens a file whose update was interrupted while the ledger was sealed.
func TestSealingContinues(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "store.db")
	o := mustOpen(t, path)
	_, _, err := o.Populate(ctx, 2)
	must(t, err)
	must(t, o.Sealer.SealAll(ctx))
	o.close(t)
	db, err := sql.Open("sqlite", path)
	must(t, err)
	for _, undo := range []string{
		"DROP TRIGGER ledger_seals_never_go", "DELETE FROM ledger_seals WHERE user_id <> (SELECT min(user_id) FROM wallets)",
		"UPDATE ledger_sealing SET done = 0",
	} {
		_, err := db.ExecContext(ctx, undo)
		must(t, err)
	}
	must(t, db.Close())
	if _, err := sqlite.Open(ctx, path, sqlite.Options{ReadOnly: true}); !errors.Is(err, sqlite.ErrOutdated) {
		t.Errorf("opened for reading, it returned %v", err)
	}
	o = mustOpen(t, path)
	defer o.close(t)
	found, err := o.Auditor.Audit(ctx)
	if err != nil || found.Unsealed != 0 || found.Transactions == 0 || len(found.Violations) > 0 {
		t.Errorf("the audit found %+v, %v", found, err)
	}
}

// TestFillingContinues opens a file whose update was interrupted while it looked for the latest
// messages of conversations.
func TestFillingContinues(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "store.db")
	o := mustOpen(t, path)
	_, pairs, err := o.Populate(ctx, 3)
	must(t, err)
	for _, pair := range pairs[:2] { // the third conversation stays empty
		for range 2 {
			_, err = o.Messaging.Send(ctx, pair.Voyager, pair.Talk, messaging.Draft{Content: "hello"}, "")
			must(t, err)
		}
	}
	o.close(t)
	db, err := sql.Open("sqlite", path)
	must(t, err)
	defer func() { must(t, db.Close()) }()
	wrong := func() (n, with int) {
		t.Helper()
		must(t, db.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE c.latest_id IS NOT m.id OR c.latest_at IS NOT m.created_at), count(c.latest_id)
			FROM conversations AS c LEFT JOIN messages AS m ON m.id = (SELECT id FROM messages
				WHERE conversation_id = c.id ORDER BY created_at DESC, id DESC LIMIT 1)`).Scan(&n, &with))
		return n, with
	}
	if n, with := wrong(); n != 0 || with != 2 {
		t.Fatalf("%d of %d conversations have another latest message", n, with)
	}
	for _, undo := range []string{
		"UPDATE conversations SET latest_at = NULL, latest_id = NULL WHERE id > (SELECT min(id) FROM conversations)",
		"UPDATE conversation_activity SET done = 0",
	} {
		_, err := db.ExecContext(ctx, undo)
		must(t, err)
	}
	if n, _ := wrong(); n == 0 {
		t.Fatal("no conversation lacks its latest message")
	}
	if _, err := sqlite.Open(ctx, path, sqlite.Options{ReadOnly: true}); !errors.Is(err, sqlite.ErrOutdated) {
		t.Errorf("opened for reading, it returned %v", err)
	}
	mustOpen(t, path).close(t)
	if n, _ := wrong(); n != 0 {
		t.Errorf("after the update %d conversations have another latest message", n)
	}
}

func BenchmarkVerify(b *testing.B) {
	o := mustOpen(b, filepath.Join(b.TempDir(), "store.db"))
	defer o.close(b)
	tamper.Verify(b, o.Community)
}
