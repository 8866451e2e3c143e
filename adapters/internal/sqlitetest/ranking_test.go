package sqlitetest

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/histories"
	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// TestRanking compares searches with the interests of all candidates.
func TestRanking(t *testing.T) {
	for _, c := range []struct {
		name  string
		pairs int
		first int // number of the first interest
	}{
		{"few interests", 12, 0}, {"numbers of several lengths", 12, 120}, {"many interests", 12, 100_000},
		{"more candidates than a search looks at first", 250, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "cicerone.db")
			mustOpen(t, path).close(t)
			if c.first > 0 {
				_, err := rawDB(t, path).Exec(`INSERT INTO interests (id, name, name_folded, is_active, twin, number)
					VALUES (randomblob(16), 'first', 'first', 1, 0, ?)`, c.first-1)
				must(t, err)
			}
			o := mustOpen(t, path)
			defer o.close(t)
			histories.CompareRanks(t, o.storage, c.pairs)
			if v := derivedIn(t, o.storage); len(v) > 0 {
				t.Errorf("an audit found %+v", v)
			}
		})
	}
}

// derivedIn returns what an audit finds of the values that a store makes of several rows.
func derivedIn(t *testing.T, s ports.Storage) (subjects []string) {
	t.Helper()
	v, err := audit.New(ports.ForAudit(ports.NewStore(s, uow.Policy{}))).Audit(context.Background())
	must(t, err)
	for _, one := range v.Violations {
		if one.Rule == "derived" {
			subjects = append(subjects, one.Subject)
		}
	}
	return subjects
}

// TestWrongNumbersAreFound changes the numbers of two profiles behind the back of the store, and
// audits it.
func TestWrongNumbersAreFound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cicerone.db")
	o := mustOpen(t, path)
	defer o.close(t)
	histories.CompareRanks(t, o.storage, 12)
	_, err := rawDB(t, path).Exec(`UPDATE profiles SET interest_numbers = CAST(interest_numbers || x'7f' AS BLOB)
		WHERE id IN (SELECT id FROM profiles ORDER BY id LIMIT 2)`)
	must(t, err)
	if v := derivedIn(t, o.storage); len(v) != 2 || v[0] == v[1] {
		t.Errorf("an audit found %q", v)
	}
}

// TestNumberingContinues checks that opening a file continues an interrupted migration, which was
// adding the numbers of interests to profiles.
func TestNumberingContinues(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "cicerone.db")
	o := mustOpen(t, path)
	histories.CompareRanks(t, o.storage, 12)
	o.close(t)
	db := rawDB(t, path)
	for _, undo := range []string{
		// More profiles than one transaction changes. They have no accounts.
		`INSERT INTO profiles (id, user_id, country_searched, city_searched, is_searchable)
			SELECT randomblob(16), randomblob(16), '', '', 0
			FROM (WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n LIMIT 1500) SELECT * FROM n)`,
		`INSERT INTO profile_interests SELECT profiles.id, interests.id FROM profiles, interests
			WHERE (number + unicode(hex(profiles.id))) % 7 = 0 ON CONFLICT DO NOTHING`,
		"UPDATE profiles SET interest_numbers = x'' WHERE id > (SELECT min(id) FROM profiles)",
		"UPDATE profile_numbers SET done = 0",
	} {
		_, err := db.ExecContext(ctx, undo)
		must(t, err)
	}
	if _, err := sqlite.Open(ctx, path, sqlite.Options{ReadOnly: true}); !errors.Is(err, sqlite.ErrOutdated) {
		t.Errorf("opened for reading, it returned %v", err)
	}
	if numberless(t, db) < 1000 {
		t.Fatal("the profiles have numbers")
	}
	o = mustOpen(t, path)
	defer o.close(t)
	if n := numberless(t, db); n > 0 {
		t.Errorf("%d profiles have no numbers", n)
	}
	if v := derivedIn(t, o.storage); len(v) > 0 {
		t.Errorf("an audit found %d wrong profiles", len(v))
	}
}

// numberless counts the profiles that have interests but no numbers.
func numberless(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	must(t, db.QueryRow("SELECT count(*) FROM profiles WHERE interest_numbers = x'' AND id IN (SELECT profile_id FROM profile_interests)").Scan(&n))
	return n
}
