package sqlite

import (
	"errors"
	"path/filepath"
	"testing"

	"modernc.org/sqlite"

	"github.com/cicerone-go/cicerone/core/id"
)

// A statement that SQLite parses again for each argument takes five times as long. Parsing makes
// many small allocations, which SQLite counts.
func TestHoldingConversationIsParsedOnce(t *testing.T) {
	ctx, c := t.Context(), connected(t)
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
		_, err := find(ctx, c, func(*row, *struct{}) {}, latestAndUnanswered,
			blob(id.Conversation{1}), blob(id.User{2}), blob(id.User{3}), int64(10+i))
		if !errors.Is(err, errNone) {
			t.Fatal(err)
		}
		*n = allocated()
	}
	if parsed < 50 || again > 10 {
		t.Errorf("the first run made %d allocations, and the third %d; want at least 50 and at most 10", parsed, again)
	}
}

// connected returns a connection to a new store.
func connected(t *testing.T) *conn {
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
