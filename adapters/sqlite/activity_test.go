package sqlite

import (
	"slices"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/core/id"
)

// TestPlanOfConversations checks that a page of conversations reads two ranges of indexes, as far
// as the page needs, and sorts only what it has read.
func TestPlanOfConversations(t *testing.T) {
	ctx, c := t.Context(), connected(t)
	ranges := func(query string, args ...any) (steps []string, sorts int) {
		t.Helper()
		plan, err := list(ctx, c, func(r *row, step *string) {
			_, _, _ = r.int(), r.int(), r.int()
			*step = r.text()
		}, "EXPLAIN QUERY PLAN "+query, args...)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range plan {
			if strings.Contains(step, "activity_at") && strings.Contains(step, "<") {
				steps = append(steps, step)
			}
			if strings.Contains(step, "ORDER BY") {
				sorts++
			}
		}
		return steps, sorts
	}
	want := []string{
		"SEARCH conversations USING INDEX conversations_of_voyager_by_activity (voyager_id=? AND (activity_at,id)<(?,?))",
		"SEARCH conversations USING INDEX conversations_of_local_by_activity (local_id=? AND (activity_at,id)<(?,?))",
	}
	me := blob(id.User{1})
	args := []any{me, int64(5), []byte{7}, int64(20)}
	steps, sorts := ranges(overviewsOf.plain, args...)
	if !slices.Equal(steps, want) || sorts > 2 {
		t.Errorf("a page of conversations is read by %q, and sorted %d times", steps, sorts)
	}
	if _, sorts := ranges("SELECT * FROM ("+pageOf("voyager_id", "local_id", "")+")", args...); sorts != 0 {
		t.Errorf("the conversations of a voyager are sorted %d times", sorts)
	}
	if _, sorts := ranges("SELECT * FROM conversations WHERE voyager_id = ?1 ORDER BY latest_at", me); sorts == 0 {
		t.Error("a sort is not found")
	}
}
