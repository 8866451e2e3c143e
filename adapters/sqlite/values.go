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

// The encoding of arguments. The functions with OrNull in their names store the zero value as NULL.

func blob[E any](i id.ID[E]) []byte { return i[:] }
func milli(t time.Time) int64       { return t.UnixMilli() }
func moment(milli int64) time.Time  { return time.UnixMilli(milli).UTC() }

// cents returns a price with two decimals as an integer.
func cents(price string) int64 {
	n, err := strconv.ParseInt(strings.Replace(price, ".", "", 1), 10, 64)
	if err != nil {
		panic(fmt.Sprintf("sqlite: parse a price: %v", err)) // the domain checks prices
	}
	return n
}

func formatCents(n int64) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }

// notNil returns b, or an empty slice instead of nil, which the driver would store as NULL.
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

// limited returns the limit of a query; for SQLite a negative one means no limit.
func limited(n int) int64 { return int64(max(n, 0)) }

// latestFirst returns the arguments of a page in descending order of time: the position of the last
// item of the page before, or a position after all items.
func latestFirst(last *page.Moment) (at int64, item []byte) {
	if last == nil {
		return math.MaxInt64, []byte{}
	}
	return milli(last.At), last.ID[:]
}

// oldestFirst is like latestFirst, for a page in ascending order.
func oldestFirst(last *page.Moment) (at int64, item []byte) {
	if last == nil {
		return math.MinInt64, []byte{}
	}
	return milli(last.At), last.ID[:]
}

// hexes encodes identifiers for json_each and unhex.
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
