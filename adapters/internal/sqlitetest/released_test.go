package sqlitetest

import (
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/released"
	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// releases are the stores that earlier versions made.
var releases = []struct {
	file     string
	progress ports.Refolded // the first
	check    func(ctx context.Context, t testing.TB, c *community.Community)
}{
	{"released_00001.db.gz", ports.Refolded{Table: "users", Done: 9, Total: 9}, released.CheckFirst},
	{"released_00003.db.gz", ports.Refolded{}, released.CheckThird},
}

// unpack writes the store of an earlier version to a file.
func unpack(t *testing.T, name string) string {
	t.Helper()
	packed, err := os.Open(filepath.Join("testdata", name))
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

const tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"

// readReleased audits and reads a store without the adapter.
func readReleased(ctx context.Context, t *testing.T, path string) released.Content {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	must(t, err)
	defer func() { must(t, db.Close()) }()
	must(t, released.Audit(ctx, db))
	content, err := released.Read(ctx, db, tables)
	must(t, err)
	return content
}

func TestReleasedStoreIsMigrated(t *testing.T) {
	for _, r := range releases {
		t.Run(r.file, func(t *testing.T) {
			ctx, path := context.Background(), unpack(t, r.file)
			before := readReleased(ctx, t, path)
			if _, err := sqlite.Open(ctx, path, sqlite.Options{ReadOnly: true}); !errors.Is(err, sqlite.ErrOutdated) {
				t.Errorf("opened for reading, it returned %v", err)
			}
			var told []ports.Refolded
			if r.progress.Total > 0 {
				// The first run is interrupted after the first table, and the second one begins
				// again.
				interrupted, stop := context.WithCancel(ctx)
				_, err := sqlite.Open(interrupted, path, sqlite.Options{Progress: func(ports.Refolded) { stop() }})
				if !errors.Is(err, context.Canceled) {
					t.Errorf("the interrupted run returned %v", err)
				}
				if _, err := sqlite.Open(ctx, path, sqlite.Options{ReadOnly: true}); !errors.Is(err, sqlite.ErrOutdated) {
					t.Errorf("opened for reading after that, it returned %v", err)
				}
			}
			s, err := sqlite.Open(ctx, path, sqlite.Options{Progress: func(r ports.Refolded) { told = append(told, r) }})
			must(t, err)
			if r.progress.Total > 0 && (len(told) != 3 || told[0] != r.progress) {
				t.Errorf("the progress was %+v", told)
			}
			if lost := before.Lost(readReleased(ctx, t, path)); len(lost) > 0 {
				t.Errorf("the migration changed %q", lost)
			}
			if v := derivedIn(t, s); len(v) > 0 {
				t.Errorf("after the migration an audit found %+v", v)
			}
			r.check(ctx, t, community.New(s, community.NewClock(), id.NewGenerator(nil), uow.Policy{}))
			must(t, s.Close(ctx))
			s, err = sqlite.Open(ctx, path, sqlite.Options{Progress: func(r ports.Refolded) { t.Errorf("made again: %+v", r) }})
			must(t, err)
			must(t, s.Close(ctx))
		})
	}
}

// The checks find a store that is not what it was.
func TestReleasedStoreIsDamaged(t *testing.T) {
	ctx, path := context.Background(), unpack(t, releases[0].file)
	before := readReleased(ctx, t, path)
	db, err := sql.Open("sqlite", path)
	must(t, err)
	defer func() { must(t, db.Close()) }()
	for _, damage := range []string{
		"UPDATE wallets SET balance = balance + 1 WHERE id = (SELECT min(id) FROM wallets)",
		"UPDATE messages SET content = 'Bye' WHERE content = 'Hello'", "DELETE FROM profile_interests",
	} {
		_, err = db.ExecContext(ctx, damage)
		must(t, err)
	}
	if err := released.Audit(ctx, db); err == nil {
		t.Error("the audit found nothing")
	}
	after, err := released.Read(ctx, db, tables)
	must(t, err)
	want := []string{
		"messages has other values", "profile_interests had 4 rows, and has 0", "wallets has other values",
	}
	if lost := before.Lost(after); !slices.Equal(lost, want) {
		t.Errorf("the comparison found %q, want %q", lost, want)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
