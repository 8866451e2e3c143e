// Package page reads long lists page by page. Each page begins after the last item of the page
// before.
package page

import (
	"iter"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
)

// The limits on the number of items on a page.
const (
	DefaultLimit = 20
	MaxLimit     = 100
)

// Request asks for one page. P is the type of the position by which the list is ordered. The zero
// value asks for the first page with DefaultLimit items.
type Request[P any] struct {
	After *P  // the position of the last item of the page before; nil for the first page
	Limit int // 1 to MaxLimit; 0 means DefaultLimit
}

// Page is one page of a list.
type Page[T, P any] struct {
	Items []T
	Next  *P // After of the request for the next page; nil on the last page
}

// Moment is a position in a list that is ordered by time, and by id among equal times.
type Moment struct {
	At time.Time
	ID [16]byte
}

// Read reads one page with fetch, which returns at most limit items after a position. It asks fetch
// for one item more than the page holds, to find out whether there is a next page. The position of
// an item is position(item). Read returns fault.Invalid if the limit is out of range, and the
// errors of fetch.
func Read[T, P any](r Request[P], position func(T) P, fetch func(after *P, limit int) ([]T, error)) (Page[T, P], error) {
	limit := r.Limit
	if limit == 0 {
		limit = DefaultLimit
	}
	if limit < 1 || limit > MaxLimit {
		return Page[T, P]{}, fault.InvalidField("limit", "must be 1 to 100")
	}
	items, err := fetch(r.After, limit+1)
	if err != nil {
		return Page[T, P]{}, err
	}
	if len(items) <= limit {
		return Page[T, P]{Items: items}, nil
	}
	items = items[:limit]
	next := position(items[limit-1])
	return Page[T, P]{Items: items, Next: &next}, nil
}

// All reads all items of a list, MaxLimit at a time. It returns the errors of fetch.
func All[T, P any](position func(T) P, fetch func(after *P, limit int) ([]T, error)) ([]T, error) {
	return Collect(Each(nil, position, fetch))
}

// Each returns an iterator over the items of a list after a position, or from the first if after is
// nil. It reads them while it is ranged over, MaxLimit at a time, each time from the beginning. It
// ends with the first error of fetch, which it yields with a zero item.
func Each[T, P any](after *P, position func(T) P, fetch func(after *P, limit int) ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for after := after; ; {
			items, err := fetch(after, MaxLimit)
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if len(items) < MaxLimit {
				return
			}
			last := position(items[len(items)-1])
			after = &last
		}
	}
}

// Collect returns all items of an iterator that ends with an error, as that of Each does. If it
// yields one, Collect returns the error and no items.
func Collect[T any](items iter.Seq2[T, error]) ([]T, error) {
	var all []T
	for item, err := range items {
		if err != nil {
			return nil, err
		}
		all = append(all, item)
	}
	return all, nil
}
