package sqlitetest

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/wired"
	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
	root "github.com/cicerone-go/cicerone/wiring/sqlite"
)

// inUnit calls fn with the transaction of a unit of a store.
func inUnit(t *testing.T, store ports.Storage, fn func(ctx context.Context, tx *sqlite.Tx) error) error {
	t.Helper()
	return store.Run(t.Context(), uow.Write, func(ctx context.Context, _ ports.Tx) error {
		tx, err := sqlite.TxFrom(ctx)
		must(t, err)
		return fn(ctx, tx)
	})
}

func TestJoinedSubscribers(t *testing.T) {
	var app *wiring.App
	open := func(ctx context.Context, c wiring.Config) (_ *wiring.App, err error) {
		app, err = root.New(ctx, filepath.Join(t.TempDir(), "cicerone.db"), c)
		if err == nil {
			err = inUnit(t, app.Storage, func(ctx context.Context, tx *sqlite.Tx) error {
				_, err := tx.Exec(ctx, "CREATE TABLE hotel_diary (line TEXT NOT NULL)")
				return err
			})
		}
		return app, err
	}
	wired.Joined(t, open, wired.Diary{
		Write: func(ctx context.Context, line string) error {
			tx, err := sqlite.TxFrom(ctx)
			if err != nil {
				return err
			}
			n, err := tx.Exec(ctx, "INSERT INTO hotel_diary (line) VALUES (?)", line)
			if err == nil && n != 1 {
				err = fmt.Errorf("inserted %d rows", n)
			}
			if err != nil {
				return err
			}
			return tx.Query(ctx, func(values []driver.Value) error {
				if values[0] == int64(0) {
					return errors.New("the unit's events are not there")
				}
				return nil
			}, "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM events)")
		},
		Read: func(t *testing.T) (lines []string) {
			must(t, inUnit(t, app.Storage, func(ctx context.Context, tx *sqlite.Tx) error {
				return tx.Query(ctx, func(values []driver.Value) error {
					lines = append(lines, values[0].(string)) //nolint:forcetypeassert // the column is TEXT
					return nil
				}, "SELECT line FROM hotel_diary")
			}))
			return lines
		},
	})
}

// An error of a host's statement ends the unit, and so does one of its function. Neither can be used
// afterwards, or by a unit that reads.
func TestTxFrom(t *testing.T) {
	app := wiredTo(t, filepath.Join(t.TempDir(), "cicerone.db"))
	if _, err := sqlite.TxFrom(t.Context()); !errors.Is(err, sqlite.ErrNoUnit) {
		t.Errorf("TxFrom = %v without a unit, want ErrNoUnit", err)
	}
	must(t, app.Storage.Run(t.Context(), uow.Read, func(ctx context.Context, _ ports.Tx) error {
		if _, err := sqlite.TxFrom(ctx); !errors.Is(err, sqlite.ErrNoUnit) {
			t.Errorf("TxFrom = %v in a unit that reads, want ErrNoUnit", err)
		}
		return nil
	}))
	must(t, inUnit(t, app.Storage, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, "CREATE TABLE rooms (number INTEGER PRIMARY KEY, taken_at TEXT)")
		return err
	}))
	var kept *sqlite.Tx
	err := inUnit(t, app.Storage, func(ctx context.Context, tx *sqlite.Tx) error {
		kept = tx
		for range 2 { // the second insert fails, and its error is ignored
			_, _ = tx.Exec(ctx, "INSERT INTO rooms (number) VALUES (?)", 12)
		}
		return nil
	})
	if err == nil {
		t.Error("a unit in which a statement failed was committed")
	}
	if _, err := kept.Exec(t.Context(), "DELETE FROM rooms"); !errors.Is(err, uow.ErrEnded) {
		t.Errorf("Exec = %v after the unit, want ErrEnded", err)
	}
	stop := errors.New("stop")
	err = inUnit(t, app.Storage, func(ctx context.Context, tx *sqlite.Tx) error {
		return tx.Query(ctx, func([]driver.Value) error { return stop }, "SELECT 1")
	})
	if !errors.Is(err, stop) {
		t.Errorf("the unit returned %v, want the error of the function", err)
	}
	must(t, inUnit(t, app.Storage, func(ctx context.Context, tx *sqlite.Tx) error {
		n, err := tx.Exec(ctx, "DELETE FROM rooms")
		if n != 0 {
			t.Errorf("%d rows were left", n)
		}
		return err
	}))
}
