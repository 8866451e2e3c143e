// Package page holds how long lists are read: a page at a time, each after the place where the
// one before it ended.
package page

import (
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
)

// The number of items on a page.
const (
	DefaultLimit = 20
	MaxLimit     = 100
)

// Request asks for one page. P is the kind of place by which the list is ordered. The zero value
// asks for the first page at its default length.
type Request[P any] struct {
	After *P  // the place of the last item of the page before; nil for the first page
	Limit int // 1 to MaxLimit; 0 means DefaultLimit
}

// Page is one page and, unless it is the last, the place to go on from.
type Page[T, P any] struct {
	Items []T
	Next  *P
}

// Moment is a place in a list ordered by time, and by id where times are equal.
type Moment struct {
	At time.Time
	ID [16]byte
}

// Read gets one page from fetch, which returns at most limit items after a place. It asks for one
// item more than the page holds, to know whether there is a next. Errors: fault.Invalid for a limit
// out of range, and those of fetch.
func Read[T, P any](r Request[P], place func(T) P, fetch func(after *P, limit int) ([]T, error)) (Page[T, P], error) {
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
	next := place(items[limit-1])
	return Page[T, P]{Items: items, Next: &next}, nil
}

// All reads every item of a list, page by page, for those who need it whole.
func All[T, P any](place func(T) P, fetch func(after *P, limit int) ([]T, error)) ([]T, error) {
	var all []T
	var after *P
	for {
		items, err := fetch(after, MaxLimit)
		if err != nil {
			return nil, err
		}
		all = append(all, items...)
		if len(items) < MaxLimit {
			return all, nil
		}
		last := place(items[len(items)-1])
		after = &last
	}
}
