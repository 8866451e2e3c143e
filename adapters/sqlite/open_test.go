package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// refused fails the test unless Open returns the wanted error.
func refused(t *testing.T, path string, o sqlite.Options, want error) {
	t.Helper()
	s, err := sqlite.Open(context.Background(), path, o)
	if err == nil {
		closeStore(t, s)
	}
	if !errors.Is(err, want) {
		t.Errorf("Open returned %v, want %v", err, want)
	}
	if err != nil && !strings.Contains(err.Error(), path) {
		t.Errorf("the error does not name the file: %v", err)
	}
}

// sqlOn runs statements on a file without the store.
func sqlOn(t testing.TB, path string, statements ...string) error {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	must(t, err)
	defer func() { must(t, db.Close()) }()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			return err
		}
	}
	return nil
}

// rawDB opens a file without the store, until the test ends.
func rawDB(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", dsn)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mark(t testing.TB, s ports.Storage, name string) {
	t.Helper()
	must(t, s.Run(context.Background(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
		return tx.Marks().Mark(ctx, name, time.UnixMilli(1))
	}))
}

func marked(t testing.TB, s ports.Storage, name string) (marked bool) {
	t.Helper()
	must(t, s.Run(context.Background(), uow.Read, func(ctx context.Context, tx ports.Tx) (err error) {
		_, marked, err = tx.Marks().Marked(ctx, name)
		return err
	}))
	return marked
}

func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "odd name ?#%&é.db")
	s := open(t, path, sqlite.Options{})
	mark(t, s, "kept")
	closeStore(t, s)
	s = open(t, path, sqlite.Options{})
	defer closeStore(t, s)
	if !marked(t, s, "kept") {
		t.Error("a committed row is gone")
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file has another name: %v", err)
	}
}

func TestSecondServer(t *testing.T) {
	path := empty(t)
	link := filepath.Join(t.TempDir(), "link.db")
	must(t, os.Symlink(path, link))
	first := open(t, path, sqlite.Options{})
	refused(t, path, sqlite.Options{}, sqlite.ErrInUse)
	refused(t, link, sqlite.Options{}, sqlite.ErrInUse)
	mark(t, first, "still at work")
	closeStore(t, first)
	closeStore(t, open(t, link, sqlite.Options{}))
}

func TestForeignFiles(t *testing.T) {
	for name, content := range map[string]func(path string){
		"text":                     func(path string) { write(t, path, []byte(strings.Repeat("not a database\n", 500))) },
		"a few bytes":              func(path string) { write(t, path, []byte("hello")) },
		"another program's tables": func(path string) { must(t, sqlOn(t, path, "CREATE TABLE notes (note TEXT)")) },
		"another program's stamp":  func(path string) { must(t, sqlOn(t, path, "PRAGMA application_id = 7")) },
		"a store that was overwritten": func(path string) {
			b := read(t, empty(t))
			copy(b, strings.Repeat("x", 4096))
			write(t, path, b)
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "foreign.db")
			content(path)
			before := string(read(t, path))
			refused(t, path, sqlite.Options{}, sqlite.ErrForeign)
			refused(t, path, sqlite.Options{ReadOnly: true}, sqlite.ErrForeign)
			if after := string(read(t, path)); after != before {
				t.Error("the file was changed")
			}
		})
	}
}

func TestOtherVersions(t *testing.T) {
	newer := empty(t)
	must(t, sqlOn(t, newer, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)"))
	refused(t, newer, sqlite.Options{}, sqlite.ErrNewer)
	refused(t, newer, sqlite.Options{ReadOnly: true}, sqlite.ErrNewer)

	older := empty(t)
	must(t, sqlOn(t, older, "DELETE FROM goose_db_version WHERE version_id > 0"))
	refused(t, older, sqlite.Options{ReadOnly: true}, sqlite.ErrOutdated)
}

// Open completes an Open that was interrupted at any step.
func TestInterruptedOpen(t *testing.T) {
	for name, begun := range map[string][]string{
		"nothing":               nil,
		"WAL":                   {"PRAGMA journal_mode = WAL"},
		"the stamp":             {"PRAGMA journal_mode = WAL", "PRAGMA application_id = 1128874821"},
		"the table of versions": {"PRAGMA application_id = 1128874821", versions, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1)"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "begun.db")
			must(t, sqlOn(t, path, begun...))
			s := open(t, path, sqlite.Options{})
			defer closeStore(t, s)
			mark(t, s, "complete")
		})
	}
}

const versions = `CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL,
	is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')))`

func TestInvalidPaths(t *testing.T) {
	folder := t.TempDir()
	refused(t, filepath.Join(folder, "absent", "a.db"), sqlite.Options{}, fs.ErrNotExist)
	refused(t, filepath.Join(folder, "absent.db"), sqlite.Options{ReadOnly: true}, fs.ErrNotExist)
	for _, path := range []string{"", ":memory:", folder} {
		if s, err := sqlite.Open(context.Background(), path, sqlite.Options{}); err == nil {
			closeStore(t, s)
			t.Errorf("Open(%q) returned no error", path)
		}
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) > 0 {
		t.Errorf("got files %v, %v; want none", entries, err)
	}
}

func TestReadOnlyWithServer(t *testing.T) {
	path := empty(t)
	server := open(t, path, sqlite.Options{})
	mark(t, server, "before")
	readOnly := open(t, path, sqlite.Options{ReadOnly: true})
	if !marked(t, readOnly, "before") {
		t.Error("a row committed before Open is missing")
	}
	mark(t, server, "meanwhile")
	if !marked(t, readOnly, "meanwhile") {
		t.Error("a row committed after Open is missing")
	}
	err := readOnly.Run(context.Background(), uow.Write, func(context.Context, ports.Tx) error {
		t.Error("a unit that writes ran")
		return nil
	})
	if !errors.Is(err, uow.ErrReadOnly) {
		t.Errorf("a unit that writes returned %v", err)
	}
	must(t, readOnly.Ping(context.Background()))
	closeStore(t, readOnly)
	mark(t, server, "afterwards")
	closeStore(t, server)

	alone := open(t, path, sqlite.Options{ReadOnly: true})
	defer closeStore(t, alone)
	if !marked(t, alone, "afterwards") {
		t.Error("a row committed by the server is missing")
	}
}

func TestBackup(t *testing.T) {
	path := empty(t)
	s := open(t, path, sqlite.Options{})
	defer closeStore(t, s)
	mark(t, s, "before")

	copies := filepath.Join(t.TempDir(), "it's a copy.db")
	must(t, s.Backup(context.Background(), copies))
	mark(t, s, "afterwards")
	if err := s.Backup(context.Background(), copies); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a backup to an existing file returned %v", err)
	}
	if entries, err := os.ReadDir(filepath.Dir(copies)); err != nil || len(entries) != 1 {
		t.Errorf("got files %v, %v; want the copy alone", entries, err)
	}
	if info, err := os.Stat(copies); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the copy holds password hashes, and others than its owner may read it: %v, %v", info, err)
	}

	restored := open(t, copies, sqlite.Options{})
	defer closeStore(t, restored)
	if !marked(t, restored, "before") || marked(t, restored, "afterwards") {
		t.Error("the copy differs from the store")
	}
	mark(t, restored, "in the copy")

	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	another := filepath.Join(t.TempDir(), "another.db")
	if err := s.Backup(cancelled, another); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled backup returned %v", err)
	}
	if _, err := os.Stat(another); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a failed backup left a file behind: %v", err)
	}

	readOnly := open(t, path, sqlite.Options{ReadOnly: true})
	defer closeStore(t, readOnly)
	must(t, readOnly.Backup(context.Background(), another))
}

func TestFileLockedByAnotherProcess(t *testing.T) {
	path := empty(t)
	s := open(t, path, sqlite.Options{})
	defer closeStore(t, s)
	db := rawDB(t, path+"?_txlock=immediate")
	shell, err := db.Begin()
	must(t, err)
	err = s.Run(context.Background(), uow.Write, func(context.Context, ports.Tx) error { return nil })
	if !errors.Is(err, uow.ErrConflict) || !errors.Is(err, fault.Unavailable) {
		t.Errorf("a unit on a locked file returned %v", err)
	}
	must(t, shell.Rollback())
	mark(t, s, "free again")
}
