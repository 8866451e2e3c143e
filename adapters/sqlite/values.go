package sqlite

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
)

// How values go in. What the domain has no value of is stored as NULL by the functions that say OrNull.

func blob[E any](i id.ID[E]) []byte { return i[:] }
func milli(t time.Time) int64       { return t.UnixMilli() }

// cents is a price with two places, as an integer.
func cents(price string) int64 {
	n, err := strconv.ParseInt(strings.Replace(price, ".", "", 1), 10, 64)
	if err != nil {
		panic(fmt.Sprintf("sqlite: a price has other characters than digits: %v", err)) // it never has
	}
	return n
}

func formatCents(n int64) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }

// notNil is b, which the driver would store as NULL where it is nil.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func blobOrNull[E any](i id.ID[E]) any {
	if i.IsZero() {
		return nil
	}
	return i[:]
}

func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func milliOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

func intOrNull(n int) any {
	if n == 0 {
		return nil
	}
	return int64(n)
}

// limited is a limit of rows; SQLite takes one below zero for none.
func limited(n int) int64 { return int64(max(n, 0)) }

// before is where a page that goes backwards in time begins, as two arguments: the place of the last item of the
// page before, or behind all there is.
func before(last *page.Moment) (at int64, item []byte) {
	if last == nil {
		return math.MaxInt64, []byte{}
	}
	return milli(last.At), last.ID[:]
}

// after is before for a page that goes forwards.
func after(last *page.Moment) (at int64, item []byte) {
	if last == nil {
		return math.MinInt64, []byte{}
	}
	return milli(last.At), last.ID[:]
}

// hexes lists identifiers for a statement, which takes them apart with json_each and unhex.
func hexes[E any](ids []id.ID[E]) string {
	var b strings.Builder
	for i, one := range ids {
		b.WriteString([]string{`["`, `","`}[min(i, 1)])
		fmt.Fprintf(&b, "%x", one[:])
	}
	if len(ids) == 0 {
		return "[]"
	}
	b.WriteString(`"]`)
	return b.String()
}
