package surface

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
)

// cursors checks that every list refuses every cursor that is not its own with a 400: cut off,
// extended, changed in some characters, or of another list.
func cursors(t *testing.T, storage ports.Storage) {
	tn := newTown(t, storage, func(*wiring.Config) {}, func(request, answer) {})
	random := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- the same cursors in every run
	var others []string
	lists := 0
	for _, o := range tn.operations {
		if o.Parameters.GetByInAndName("query", "cursor") == nil {
			continue
		}
		lists++
		r := tn.valid(o, tn.right(o))
		for _, p := range []*person{r.by, tn.local, tn.admin} { // one of them has two items in the list
			if r.by = p; tn.send(r).status/100 == 2 && tn.object(tn.send(r.withParameter("limit", "1")))["next_cursor"] != nil {
				break
			}
		}
		first := tn.send(r.withParameter("limit", "1"))
		cursor, _ := tn.object(first)["next_cursor"].(string)
		if cursor == "" {
			t.Errorf("%s has no second page: %s", o.OperationID, first.body)
			continue
		}
		if a := tn.send(r.withParameter("cursor", cursor)); a.status != 200 {
			t.Errorf("%s refuses its cursor %s: %d %s", o.OperationID, cursor, a.status, a.body)
		}
		for _, forged := range append(forgeries(random, cursor), others...) {
			if forged == cursor {
				continue
			}
			a := tn.send(r.withParameter("cursor", forged))
			if a.status != 400 || !strings.Contains(a.body, `"bad_cursor"`) && !strings.Contains(a.body, `"cursor"`) {
				t.Errorf("%s with the cursor %q, of %q: got %d %s", o.OperationID, forged, cursor, a.status, a.body)
			}
		}
		others = append(others, cursor)
	}
	if lists < 17 {
		t.Errorf("found only %d lists", lists)
	}
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// forgeries returns cursors that are made from another one.
func forgeries(random *rand.Rand, cursor string) []string {
	forged := []string{"A", "AA", "AAAA", cursor + "A", cursor + "AAAA", cursor + "=", cursor + "\n", " " + cursor, cursor + cursor, strings.ToUpper(cursor),
		strings.Repeat("A", 4000), "\x00", "ä", `{"seq":1}`, "../" + cursor}
	for range 25 {
		b := []byte(cursor)
		for range 1 + random.IntN(3) {
			b[random.IntN(len(b))] = alphabet[random.IntN(len(alphabet))]
		}
		from := random.IntN(len(cursor))
		forged = append(forged, string(b), cursor[:1+random.IntN(len(cursor)-1)], cursor[:from]+cursor[from+random.IntN(len(cursor)-from):])
	}
	return forged
}
