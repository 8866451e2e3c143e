package edge_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
)

// TestFormOfCursors checks that cursors are those of all earlier releases, which clients may still
// have: the name of a list and a place are in the JSON of package encoding/json.
func TestFormOfCursors(t *testing.T) {
	summer := time.FixedZone("", 7200)
	moment := page.Moment{At: time.Date(2026, 7, 1, 10, 0, 0, 123_000_000, time.UTC), ID: [16]byte{1, 20, 255}}
	places := []any{
		moment, page.Moment{}, page.Moment{At: moment.At.In(summer)}, page.Moment{At: time.Date(9999, 12, 31, 23, 59, 59, 1, time.UTC)},
		"<&>\u2028", 7, nil,
	}
	filters := [][]any{
		nil, {}, {nil}, {id.Conversation{1, 2, 3}}, {id.User{4}, "a", 1.5, []string(nil), []any(nil), []any{id.User{5}}}, {`"<&>\`, map[string]int{"b": 1, "a": 2}},
		{(*string)(nil), id.Message{6}, time.Time{}},
		{"portugal", "", `"`, `\\`, "a\tb", "\x7f", "são tomé", "\xff", -1, 0, []id.Interest(nil), []id.Interest{}, []id.Interest{{1}, {2}}},
	}
	callers := []users.Caller{{}, {UserID: id.User{7, 8}}}
	for _, place := range places {
		for _, some := range filters {
			for _, caller := range callers {
				for _, operation := range []string{"messages", "", `<a"b>`} {
					ctx := edge.WithCaller(edge.WithCall(t.Context(), edge.Call{Operation: operation}), caller)
					for range 2 { // with the hash of the key anew, and used before
						checkForm(t, compact(t, operation, caller.UserID, some), place, func(c *edge.Cursors) (string, error) {
							_, next, err := edge.ReadPage(ctx, c, "", 0, some, func(page.Request[any]) (page.Page[int, any], error) {
								return page.Page[int, any]{Next: &place}, nil
							})
							return next, err
						})
					}
				}
			}
		}
	}
	if _, _, err := edge.ReadPage(t.Context(), cursors(t, "k"), "", 0, nil, func(page.Request[page.Moment]) (page.Page[int, page.Moment], error) {
		return page.Page[int, page.Moment]{Next: &page.Moment{At: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)}}, nil
	}); err == nil {
		t.Error("a place in the year 10000 was accepted, which JSON cannot say")
	}
}

func compact(t *testing.T, operation string, caller id.User, filters []any) []byte {
	t.Helper()
	b, err := json.Marshal([]any{operation, caller, filters})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// checkForm checks the cursor that make makes for a place in a list.
func checkForm(t *testing.T, name []byte, place any, next func(*edge.Cursors) (string, error)) {
	t.Helper()
	got, err := next(cursors(t, "k"))
	b, encodingErr := json.Marshal(place)
	if encodingErr != nil || err != nil {
		t.Fatal(encodingErr, err)
	}
	const version = 2
	mac := hmac.New(sha256.New, keyOf("k"))
	_, _ = fmt.Fprintf(mac, "%d %d %s %s", version, len(name), name, b)
	want := base64.RawURLEncoding.EncodeToString(slices.Concat([]byte{version}, mac.Sum(nil)[:16], b))
	if got != want {
		raw, _ := base64.RawURLEncoding.DecodeString(got)
		t.Errorf("the place %s of the list %s: got %q, want %s", b, name, strings.ToValidUTF8(string(raw), "?"), want)
	}
}
