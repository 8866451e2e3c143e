package edge_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
)

func keyOf(letter string) []byte { return bytes.Repeat([]byte(letter), edge.CursorKeySize) }

func cursors(t testing.TB, letters ...string) *edge.Cursors {
	t.Helper()
	var keys [][]byte
	for _, letter := range letters {
		keys = append(keys, keyOf(letter))
	}
	c, err := edge.NewCursors(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// list identifies a list of the numbers below ten: by its operation, its caller and its filters.
type list struct {
	operation string
	caller    users.Caller
	filters   []any
}

var numbers = list{"numbers", ada, []any{"even", 1}}

// read reads a page, and fails the test if a page was read although the cursor was refused.
func (l list) read(t testing.TB, c *edge.Cursors, cursor string, limit int) (items []int, next string, err error) {
	t.Helper()
	ctx := edge.WithCaller(edge.WithCall(t.Context(), edge.Call{Operation: l.operation}), l.caller)
	asked := 0
	items, next, err = edge.ReadPage(ctx, c, cursor, limit, l.filters, func(r page.Request[int]) (page.Page[int, int], error) {
		asked++
		return page.Read(r, func(n int) int { return n }, func(after *int, limit int) (found []int, err error) {
			for n := range 10 {
				if (after == nil || n > *after) && len(found) < limit {
					found = append(found, n)
				}
			}
			return found, nil
		})
	})
	if (asked == 1) != (err == nil) {
		t.Fatalf("the list was read %d times, with the error %v", asked, err)
	}
	return items, next, err
}

// first returns the cursor after the first page.
func (l list) first(t testing.TB, c *edge.Cursors) string {
	t.Helper()
	_, next, err := l.read(t, c, "", 2)
	if err != nil || next == "" {
		t.Fatalf("got the cursor %q, %v", next, err)
	}
	return next
}

func refused(t testing.TB, what string, err error) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || !errors.Is(err, edge.ErrCursor) || !errors.Is(err, fault.Malformed) || len(f.Fields) != 1 || f.Fields[0].Name != "cursor" {
		t.Errorf("%s: got %v, want %v of the field cursor", what, err, edge.ErrCursor)
	}
}

func TestReadPage(t *testing.T) {
	c := cursors(t, "k")
	var got []int
	cursor := ""
	for limit := 2; ; limit++ { // the limit may change from page to page
		items, next, err := numbers.read(t, c, cursor, limit)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, items...)
		if next == "" {
			break
		}
		if err := edge.CheckCursor(next); err != nil {
			t.Errorf("the cursor %q: %v", next, err)
		}
		cursor, c = next, cursors(t, "k") // as after a restart
	}
	if fmt.Sprint(got) != "[0 1 2 3 4 5 6 7 8 9]" {
		t.Errorf("got %v", got)
	}
	t.Run("errors of the list", func(t *testing.T) {
		failure := errors.New("the list cannot be read")
		_, _, err := edge.ReadPage(t.Context(), c, "", 0, nil, func(page.Request[int]) (page.Page[int, int], error) {
			return page.Page[int, int]{}, failure
		})
		if !errors.Is(err, failure) {
			t.Errorf("got %v, want %v", err, failure)
		}
	})
	t.Run("unencodable values", func(t *testing.T) {
		list := func(page.Request[func()]) (page.Page[int, func()], error) {
			next := func() {}
			return page.Page[int, func()]{Next: &next}, nil
		}
		for name, filters := range map[string][]any{"a place": nil, "a filter": {func() {}}} {
			if _, _, err := edge.ReadPage(t.Context(), c, "", 0, filters, list); err == nil {
				t.Errorf("%s of an unencodable type was accepted", name)
			}
		}
	})
}

func TestCursorsAreBound(t *testing.T) {
	c := cursors(t, "k")
	cursor := numbers.first(t, c)
	for name, other := range map[string]list{
		"another operation": {"letters", numbers.caller, numbers.filters},
		"another caller":    {numbers.operation, ann, numbers.filters},
		"no caller":         {numbers.operation, users.Caller{}, numbers.filters},
		"another filter":    {numbers.operation, numbers.caller, []any{"odd", 1}},
		"fewer filters":     {numbers.operation, numbers.caller, []any{"even"}},
		"no filter":         {numbers.operation, numbers.caller, nil},
		"a shifted name":    {numbers.operation + `","`, numbers.caller, numbers.filters},
	} {
		_, _, err := other.read(t, c, cursor, 2)
		refused(t, name, err)
	}
	other := list{numbers.operation, users.Caller{UserID: ada.UserID, Role: users.RoleAdmin}, numbers.filters}
	if _, _, err := other.read(t, c, cursor, 2); err != nil {
		t.Errorf("the same user with another role: %v", err)
	}
}

func TestCursorsOfOtherKeys(t *testing.T) {
	cursor := numbers.first(t, cursors(t, "k"))
	for name, c := range map[string]*edge.Cursors{"another key": cursors(t, "l", "m"), "a random key": edge.RandomCursors()} {
		_, _, err := numbers.read(t, c, cursor, 2)
		refused(t, name, err)
	}
	changed := cursors(t, "new", "l", "k")
	if items, _, err := numbers.read(t, changed, cursor, 1); err != nil || fmt.Sprint(items) != "[2]" {
		t.Errorf("an old key among others: got %v, %v", items, err)
	}
	_, _, err := numbers.read(t, cursors(t, "k"), numbers.first(t, changed), 2)
	refused(t, "made with a newer key", err)
	if _, _, err := numbers.read(t, cursors(t, "new"), numbers.first(t, changed), 2); err != nil {
		t.Errorf("made with the first key: %v", err)
	}
}

// TestTamperedCursors changes every byte, and cuts and adds to both ends.
func TestTamperedCursors(t *testing.T) {
	c := cursors(t, "k")
	cursor := numbers.first(t, c)
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	tampered := []string{
		cursor[1:], cursor[:len(cursor)-1], cursor + "A", cursor + "=", cursor + "\n", cursor + cursor, encode(raw[1:]),
		encode(raw[:len(raw)-1]), encode(append(bytes.Clone(raw), '0')), "x", "\x00", "ü",
	}
	for i := range raw {
		other := bytes.Clone(raw)
		other[i] ^= 1
		tampered = append(tampered, encode(other))
	}
	// A client must not be able to compute the tag, so it must not be a hash without a key.
	place := []byte("7")
	for version := range byte(4) {
		name := fmt.Sprintf(`["numbers","%s",["even",1]]`, ada.UserID)
		for _, size := range []int{12, 16, 32} {
			sum := sha256.Sum256(fmt.Appendf(nil, "%d %d %s %s", version, len(name), name, place))
			tampered = append(tampered, encode(append(append([]byte{version}, sum[:size]...), place...)))
		}
	}
	for _, bad := range tampered {
		_, _, err := numbers.read(t, c, bad, 2)
		refused(t, fmt.Sprintf("%q", bad), err)
	}
	for _, bad := range []string{"", "x", cursor + "\n", encode(raw[:17])} {
		if err := edge.CheckCursor(bad); !errors.Is(err, edge.ErrCursor) {
			t.Errorf("CheckCursor(%q): got %v", bad, err)
		}
	}
}

// TestPlacesOfAnotherRelease checks that a place of another type than the list's is refused.
func TestPlacesOfAnotherRelease(t *testing.T) {
	c := cursors(t, "k")
	ctx := context.Background()
	read := func(cursor string) error {
		_, _, err := edge.ReadPage(ctx, c, cursor, 0, nil, func(page.Request[int]) (page.Page[int, int], error) {
			return page.Page[int, int]{}, nil
		})
		return err
	}
	_, next, err := edge.ReadPage(ctx, c, "", 0, nil, func(page.Request[string]) (page.Page[int, string], error) {
		return page.Page[int, string]{Next: new("a name")}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "a name for a number", read(next))
}

func TestNewCursorsRefuses(t *testing.T) {
	for name, keys := range map[string][][]byte{
		"no key":         nil,
		"a short key":    {keyOf("k"), keyOf("l")[1:]},
		"an empty key":   {nil},
		"two equal keys": {keyOf("k"), keyOf("l"), keyOf("k")},
	} {
		if c, err := edge.NewCursors(keys...); err == nil {
			t.Errorf("%s: got %v", name, c)
		}
	}
	t.Run("keys are copied", func(t *testing.T) {
		key := keyOf("k")
		c, err := edge.NewCursors(key)
		if err != nil {
			t.Fatal(err)
		}
		clear(key)
		if _, _, err := numbers.read(t, cursors(t, "k"), numbers.first(t, c), 2); err != nil {
			t.Error(err)
		}
	})
}

func TestDeriveCursorKey(t *testing.T) {
	key, err := edge.DeriveCursorKey(keyOf("k"))
	if err != nil {
		t.Fatal(err)
	}
	// If a release derived another key, the cursors of the previous release would stop working.
	if got := hex.EncodeToString(key); got != "d282cabcf671c23d9b3e859efa16928b3e46f8f08cc04aefb3fcaf284fb53946" {
		t.Errorf("got the key %s", got)
	}
	other, err := edge.DeriveCursorKey(keyOf("l"))
	if err != nil || bytes.Equal(key, other) || bytes.Equal(key, keyOf("k")) {
		t.Errorf("got the keys %x and %x, %v", key, other, err)
	}
	if _, err := edge.NewCursors(key, other); err != nil {
		t.Error(err)
	}
	if key, err := edge.DeriveCursorKey(keyOf("k")[1:]); err == nil {
		t.Errorf("from a short secret: got %x", key)
	}
}
