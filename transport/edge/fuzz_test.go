package edge_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
)

// FuzzCursors checks that a list accepts the cursors that were issued for it, byte for byte, and
// refuses all other texts and the cursors of every other list.
func FuzzCursors(f *testing.F) {
	c := cursors(f, "k")
	var issued []string // after each number but the last, in order
	for limit := 1; limit < 10; limit++ {
		_, next, err := numbers.read(f, c, "", limit)
		if err != nil {
			f.Fatal(err)
		}
		issued = append(issued, next)
	}
	for _, cursor := range []string{issued[0], issued[8], issued[0][1:], issued[0] + "A", issued[0] + "\n", "", "Ag", "A\r\nA", "+/+/", "Ag=="} {
		f.Add(cursor, "numbers", "even", 1, true)
	}
	f.Add("x", "numbers\",\"", "odd", 0, false)
	f.Add("x", "", "[\"even\",1]", -1, true)
	f.Fuzz(func(t *testing.T, cursor, operation, text string, number int, signedIn bool) {
		at := slices.Index(issued, cursor)
		items, _, err := numbers.read(t, c, cursor, 1)
		switch {
		case cursor == "":
			if err != nil || fmt.Sprint(items) != "[0]" {
				t.Errorf("the first page is %v, %v", items, err)
			}
		case at >= 0:
			if err != nil || fmt.Sprint(items) != fmt.Sprint([]int{at + 1}) || edge.CheckCursor(cursor) != nil {
				t.Errorf("after %d come %v, %v", at, items, err)
			}
		default:
			refused(t, fmt.Sprintf("%q, which was not issued", cursor), err)
		}
		if err := edge.CheckCursor(cursor); err != nil && !errors.Is(err, edge.ErrCursor) {
			t.Errorf("CheckCursor: %v", err)
		}

		if !utf8.ValidString(operation + text) {
			return // transports refuse it; JSON has one form for all of it
		}
		other := list{operation, users.Caller{}, []any{text, number}}
		if signedIn {
			other.caller = numbers.caller
		}
		next := other.first(t, c)
		if _, _, err := other.read(t, c, next, 1); err != nil {
			t.Errorf("the list %v refuses its own cursor: %v", other, err)
		}
		if operation == numbers.operation && signedIn && text == "even" && number == 1 {
			return // the same list
		}
		_, _, err = numbers.read(t, c, next, 1)
		refused(t, fmt.Sprintf("the cursor of the list %v", other), err)
		_, _, err = other.read(t, c, issued[1], 1)
		refused(t, fmt.Sprintf("the cursor of the numbers, by the list %v", other), err)
	})
}
