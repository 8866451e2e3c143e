package demo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// walk is a clock that changes only when it is set.
type walk struct{ ms atomic.Int64 }

func (w *walk) now() time.Time   { return time.UnixMilli(w.ms.Load()).UTC() }
func (w *walk) set(at time.Time) { w.ms.Store(at.UnixMilli()) }

// event is a step of a story.
type event struct {
	at   time.Time
	what string
	do   func(ctx context.Context) error
}

// events are planned in any order. happen runs them in the order of their times.
type events []event

func (e *events) at(t time.Time, what string, do func(ctx context.Context) error) {
	*e = append(*e, event{t, what, do})
}

func (e *events) happen(ctx context.Context, w *walk) error {
	slices.SortStableFunc(*e, func(a, b event) int { return cmp.Compare(a.at.UnixMilli(), b.at.UnixMilli()) })
	for _, it := range *e {
		w.set(it.at)
		if err := it.do(ctx); err != nil {
			return fmt.Errorf("%s on %s: %w", it.what, it.at.Format(time.DateTime), err)
		}
	}
	return nil
}
