// Package sqlitetest holds the heavier tests of adapters/sqlite: killed processes, full disks,
// servers, and benchmarks that compare the adapter with SQLite alone.
package sqlitetest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"os"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// TestMain runs as the child process that TestCrash kills if that has started it, and otherwise runs the tests.
func TestMain(m *testing.M) { workload.Main(m.Run, openChild) }

func openChild(ctx context.Context, path string) (workload.Opened, error) {
	o, err := openStore(ctx, path)
	if err != nil {
		return workload.Opened{}, err
	}
	diary := diaryIn(o.storage)
	o.Community = over(diary.Keep(o.storage))
	err = o.storage.Run(ctx, uow.Write, func(ctx context.Context, _ ports.Tx) error {
		tx, err := sqlite.TxFrom(ctx)
		if err == nil {
			_, err = tx.Exec(ctx, "CREATE TABLE IF NOT EXISTS diary (line TEXT NOT NULL)")
		}
		return err
	})
	return workload.Opened{Community: o.Community, Storage: o.storage, Diary: diary}, err
}

// diaryIn returns the diary that a host keeps in a table of its own.
func diaryIn(s *sqlite.Store) workload.Diary {
	return workload.Diary{
		Write: func(ctx context.Context, line string) error {
			tx, err := sqlite.TxFrom(ctx)
			if err == nil {
				_, err = tx.Exec(ctx, "INSERT INTO diary (line) VALUES (?)", line)
			}
			return err
		},
		Lines: func(ctx context.Context) (lines []string, err error) {
			err = s.Run(ctx, uow.Write, func(ctx context.Context, _ ports.Tx) error {
				tx, err := sqlite.TxFrom(ctx)
				if err != nil {
					return err
				}
				return tx.Query(ctx, func(values []driver.Value) error {
					lines = append(lines, values[0].(string)) //nolint:forcetypeassert // the column is TEXT
					return nil
				}, "SELECT line FROM diary")
			})
			return lines, err
		},
	}
}

func soak() bool { return os.Getenv("CICERONE_SOAK") == "1" }

// opened is an open store with the services over it.
type opened struct {
	*community.Community
	storage *sqlite.Store
}

func openStore(ctx context.Context, path string) (*opened, error) {
	storage, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return nil, err
	}
	return &opened{over(storage), storage}, nil
}

// over makes the services over a store.
func over(storage ports.Storage) *community.Community {
	return community.New(storage, community.NewClock(), id.NewGenerator(nil), uow.Policy{MaxTime: time.Minute})
}

func mustOpen(t testing.TB, path string) *opened {
	t.Helper()
	o, err := openStore(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *opened) close(t testing.TB) {
	t.Helper()
	if err := o.storage.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// sound fails the test if SQLite finds the file damaged.
func sound(t testing.TB, path string) {
	t.Helper()
	db := rawDB(t, path)
	var verdict string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("integrity_check: %q, %v", verdict, err)
	}
	var dangling int
	if err := db.QueryRow("SELECT count(*) FROM pragma_foreign_key_check").Scan(&dangling); err != nil || dangling != 0 {
		t.Errorf("%d rows refer to a missing row, %v", dangling, err)
	}
}

// rawDB opens a database without the adapter. It is closed when the test ends.
func rawDB(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}
