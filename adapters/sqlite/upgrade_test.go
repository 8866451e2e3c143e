package sqlite_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// The upgrade of a file of version 1 keeps its reservations, and their indexes and triggers.
// Pending ones whose date has passed expire.
func TestUpgradeOfReservations(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cicerone.db")
	db := rawDB(t, path)
	first, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS("migrations"), goose.WithDisableGlobalRegistry(true))
	must(t, err)
	_, err = first.UpTo(t.Context(), 1)
	must(t, err)
	const reservation = "INSERT INTO reservations VALUES (%s, %s, %s, %s, %s, 'walk', 1250, 0, %d, %d, '%s', 5, 6)"
	const user = "INSERT INTO users VALUES (%s, 'Ada', 'ada', NULL, NULL, NULL, NULL, NULL, 'user', 1, 0, 1, 0, 0)"
	must(t, sqlOn(t, path, "PRAGMA application_id = 1128874821",
		fmt.Sprintf(user, x("01")), fmt.Sprintf(user, x("02")),
		fmt.Sprintf("INSERT INTO conversations VALUES (%s, %s, %s, 0)", x("03"), x("01"), x("02")),
		fmt.Sprintf(reservation, x("11"), x("03"), x("01"), x("02"), x("01"), 100, 200, "pending"),
		fmt.Sprintf(reservation, x("12"), x("03"), x("01"), x("02"), x("02"), 100, 200, "accepted"),
		fmt.Sprintf(reservation, x("13"), x("03"), x("01"), x("02"), x("02"), 900, 990, "pending"),
		fmt.Sprintf(reservation, x("14"), x("03"), x("01"), x("02"), x("02"), 300, 400, "completed"),
	))
	rows := func() []string {
		return texts(t, db, "SELECT hex(id) || hex(creator_id) || title || price || date || end_date || status || created_at || updated_at FROM reservations")
	}
	made := func() []string {
		return texts(t, db, "SELECT type || ' ' || name FROM sqlite_schema WHERE tbl_name = 'reservations' AND name NOT LIKE 'sqlite_%'")
	}
	before, guards := rows(), made()

	store := open(t, path, sqlite.Options{})
	if after := rows(); !slices.Equal(after, before) {
		t.Errorf("got the rows\n%q\nwant\n%q", after, before)
	}
	for _, guard := range guards {
		if !slices.Contains(made(), guard) {
			t.Errorf("the %s is missing", guard)
		}
	}
	ids := id.NewGenerator(nil)
	service, err := reservations.NewService(reservations.Deps{
		Store: ports.ForReservations(ports.NewStore(store, uow.Policy{})), Ledger: tokens.NewLedger(ids), IDs: ids,
		Clock: clock.Clock(func() time.Time { return time.UnixMilli(150).UTC() }), Policy: reservations.DefaultPolicy(),
	})
	must(t, err)
	if n, err := service.Settle(t.Context()); n != 1 || err != nil {
		t.Errorf("settled %d: %v, want the pending one whose date has passed", n, err)
	}
	closeStore(t, store)

	for name, refused := range map[string]string{
		"an overlap when added":   fmt.Sprintf(reservation, x("15"), x("03"), x("01"), x("02"), x("01"), 150, 250, "accepted"),
		"an overlap when changed": "UPDATE reservations SET status = 'accepted' WHERE status = 'expired'",
		"an unknown status":       "UPDATE reservations SET status = 'lost'",
		"no conversation":         fmt.Sprintf(reservation, x("15"), x("04"), x("01"), x("02"), x("01"), 550, 650, "pending"),
	} {
		if err := sqlOn(t, path+"?_pragma=foreign_keys(1)", refused); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

// texts returns the rows of a query with one column.
func texts(t *testing.T, db *sql.DB, query string) (all []string) {
	t.Helper()
	rows, err := db.Query(query)
	must(t, err)
	defer func() { must(t, rows.Close()) }()
	for rows.Next() {
		var row string
		must(t, rows.Scan(&row))
		all = append(all, row)
	}
	must(t, rows.Err())
	return all
}
