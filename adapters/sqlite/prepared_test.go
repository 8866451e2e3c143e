package sqlite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"modernc.org/sqlite"

	"github.com/cicerone-go/cicerone/core/id"
)

// A statement that SQLite parses again for each argument takes five times as long. Parsing makes
// many small allocations, which SQLite counts.
func TestStatementsAreParsedOnce(t *testing.T) {
	ids := []any{blob(id.Conversation{1}), blob(id.User{2}), blob(id.User{3})}
	for name, s := range map[string]struct {
		text string
		args []any
		last func(i int) any // the argument that differs
	}{
		"events":             {readAfter, []any{int64(7)}, func(i int) any { return int64(10 + i) }},
		"the latest message": {latestAndUnanswered, ids, func(i int) any { return int64(10 + i) }},
		"whether to send":    {sendable.now.plain, append(ids[:2:2], int64(3)), func(i int) any { return int64(i) }},
		"whether to accept":  {acceptable.now.plain, append(ids[:2:2], milli(time.Now())), func(i int) any { return int64(i) }},
		"whether to cancel":  {cancellable.now.plain, append(ids[:2:2], milli(time.Now())), func(i int) any { return int64(i) }},
	} {
		t.Run(name, func(t *testing.T) { parsedOnce(t, connected(t), s.text, s.args, s.last) })
	}
}

// No statement has a limit that the planner sees: see conn.prepare.
func TestLimitsAreHidden(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 50 {
		t.Fatalf("there are %d files: %v", len(files), err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, line := range strings.Split(string(source), "\n") {
			if code, _, _ := strings.Cut(line, "//"); strings.Contains(code, "LIMIT ?") {
				t.Errorf("%s has the limit of %s", file, strings.TrimSpace(line))
			}
		}
	}
}

// What is asked for every second is read in the order of an index, and not sorted.
func TestNothingIsSortedEverySecond(t *testing.T) {
	c := connected(t)
	for _, text := range []string{due, lapsed, readAfter} {
		err := c.query(t.Context(), func(r *row) {
			r.column = len(r.values) - 1 // of the four, which is the text of a step
			if step := r.text(); !strings.HasPrefix(step, "SEARCH ") || strings.Contains(step, "(status=?)") {
				t.Errorf("the plan of %s has %s", text, step)
			}
		}, "EXPLAIN QUERY PLAN "+text, int64(1), int64(1))
		if err != nil {
			t.Fatal(err)
		}
	}
}

func parsedOnce(t *testing.T, c *conn, text string, args []any, last func(i int) any) {
	t.Helper()
	allocated := func() (sum int) {
		for _, op := range []sqlite.DBStatusOp{sqlite.DBStatusLookasideHit, sqlite.DBStatusLookasideMissSize, sqlite.DBStatusLookasideMissFull} {
			_, n, err := c.raw.(sqlite.DBStatus).Status(op, true) //nolint:forcetypeassert // the driver's connections are one
			if err != nil {
				t.Fatal(err)
			}
			sum += n
		}
		return sum
	}
	var parsed, again int
	for i, n := range []*int{&parsed, &again, &again} {
		allocated()
		err := c.query(t.Context(), func(*row) {}, text, append(args, last(i))...)
		if err != nil {
			t.Fatal(err)
		}
		*n = allocated()
	}
	if parsed < 50 || again > 10 {
		t.Errorf("the first run made %d allocations, and the third %d; want at least 50 and at most 10", parsed, again)
	}
}

// connected returns a connection to a new store.
func connected(t testing.TB) *conn {
	t.Helper()
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "cicerone.db")
	store, err := Open(ctx, path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(ctx); err != nil {
		t.Fatal(err)
	}
	c, err := connect(ctx, path, toWrite)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	return c
}
