package sqlitetest

import (
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// released writes the store of the first schema, with community.CheckReleased's texts, to a file.
func released(t *testing.T) string {
	t.Helper()
	packed, err := os.Open("testdata/released_00001.db.gz")
	must(t, err)
	defer func() { must(t, packed.Close()) }()
	unpacked, err := gzip.NewReader(packed)
	must(t, err)
	content, err := io.ReadAll(unpacked)
	must(t, err)
	path := filepath.Join(t.TempDir(), "released.db")
	must(t, os.WriteFile(path, content, 0o600))
	return path
}

// countRows counts the rows of each table of the first schema.
func countRows(t *testing.T, path string) map[string]int {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	must(t, err)
	defer func() { must(t, db.Close()) }()
	counts := map[string]int{}
	for _, table := range ports.Tables {
		var n int
		if table != ports.SignupGrants && table != ports.StoreKeys {
			must(t, db.QueryRow("SELECT count(*) FROM "+table.Name).Scan(&n))
		}
		counts[table.Name] = n
	}
	return counts
}

func TestReleasedStoreIsMigrated(t *testing.T) {
	ctx, path := context.Background(), released(t)
	before := countRows(t, path)
	if _, err := sqlite.Open(ctx, path, sqlite.Options{ReadOnly: true}); !errors.Is(err, sqlite.ErrOutdated) {
		t.Errorf("opened for reading, it returned %v", err)
	}
	// The first run is interrupted after the first table, and the second one begins again.
	interrupted, stop := context.WithCancel(ctx)
	_, err := sqlite.Open(interrupted, path, sqlite.Options{Progress: func(ports.Refolded) { stop() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the interrupted run returned %v", err)
	}
	if _, err := sqlite.Open(ctx, path, sqlite.Options{ReadOnly: true}); !errors.Is(err, sqlite.ErrOutdated) {
		t.Errorf("opened for reading after that, it returned %v", err)
	}
	var told []ports.Refolded
	s, err := sqlite.Open(ctx, path, sqlite.Options{Progress: func(r ports.Refolded) { told = append(told, r) }})
	must(t, err)
	if len(told) != 3 || told[0] != (ports.Refolded{Table: "users", Done: 9, Total: 9}) {
		t.Errorf("the progress was %+v", told)
	}
	for table, n := range countRows(t, path) {
		if n != before[table] {
			t.Errorf("%s has %d rows, and had %d", table, n, before[table])
		}
	}
	community.CheckReleased(ctx, t, community.New(s, community.NewClock(), id.NewGenerator(nil), uow.Policy{}))
	must(t, s.Close(ctx))
	s, err = sqlite.Open(ctx, path, sqlite.Options{Progress: func(r ports.Refolded) { t.Errorf("made again: %+v", r) }})
	must(t, err)
	must(t, s.Close(ctx))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
