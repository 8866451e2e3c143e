package porttest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/ports"
)

// pageSizes lists the page sizes with which every list is read.
var pageSizes = []int{1, 3, 7, 100}

// paged is the number of items of the paged lists.
const paged = 50

// tie returns the time of the i-th of many items. There are only three different times, so most
// items share theirs.
func tie(i int) time.Time { return noon.Add(time.Duration(i%3) * time.Second) }

// pages reads a list in pages of every size, and fails the test if the pages do not hold each item
// once, in order.
func pages[T, P any](
	f *fixture, what string, want []T, place func(T) P,
	fetch func(ctx context.Context, tx ports.Tx, after *P, limit int) ([]T, error),
) {
	f.Helper()
	for _, size := range pageSizes {
		var got []T
		var after *P
		for {
			items := read(f, func(ctx context.Context, tx ports.Tx) ([]T, error) { return fetch(ctx, tx, after, size) })
			if len(items) > size {
				f.Errorf("%s: a page of at most %d has %d items", what, size, len(items))
			}
			got = append(got, items...)
			if len(items) < size || len(got) > 2*len(want)+size {
				break
			}
			last := place(items[len(items)-1])
			after = &last
		}
		sameList(f, fmt.Sprintf("%s in pages of %d", what, size), got, want)
	}
}

// sameList is same for lists, and reports the first item that differs.
func sameList[T any](f *fixture, what string, got, want []T) {
	f.Helper()
	for i := range min(len(got), len(want)) {
		if g, w := fmt.Sprintf("%+v", got[i]), fmt.Sprintf("%+v", want[i]); g != w {
			f.Errorf("%s: item %d is\n     %s\nwant %s", what, i+1, shorten(g), shorten(w))
			return
		}
	}
	if len(got) != len(want) {
		f.Errorf("%s: %d items, want %d", what, len(got), len(want))
	}
}

// identified is the constraint of the identifier types.
type identified interface{ ~[16]byte }

// newestFirst sorts a copy of list by (time, id) in descending order, oldestFirst in ascending
// order.
func newestFirst[T any, ID identified](list []T, at func(T) time.Time, id func(T) ID) []T {
	sorted := oldestFirst(list, at, id)
	slices.Reverse(sorted)
	return sorted
}

func oldestFirst[T any, ID identified](list []T, at func(T) time.Time, id func(T) ID) []T {
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, func(a, b T) int {
		if c := at(a).Compare(at(b)); c != 0 {
			return c
		}
		x, y := [16]byte(id(a)), [16]byte(id(b))
		return slices.Compare(x[:], y[:])
	})
	return sorted
}

// filter returns the items of a list for which keep returns true.
func filter[T any](list []T, keep func(T) bool) (kept []T) {
	for _, item := range list {
		if keep(item) {
			kept = append(kept, item)
		}
	}
	return kept
}
