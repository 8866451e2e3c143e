package events

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
)

const (
	readAtOnce = 500
	tailSize   = 1000 // how many events a tail keeps at most
)

// tail keeps the events that a run has read last, so that the deliveries that have come so far read
// each of them once together. What it keeps stays true: between two events that are numbered no
// other one appears, and none changes.
type tail struct {
	run  *relayRun
	turn chan struct{} // holds a value while a delivery looks or reads

	base   int64      // recent has all events after it, up to the last one that was read
	recent []Numbered // in ascending order of position

	news atomic.Bool // there may be events after the last one
}

func newTail(r *relayRun) *tail {
	t := &tail{run: r, turn: make(chan struct{}, 1)}
	t.news.Store(true)
	return t
}

// after returns events that follow a position: at least one if there is any that this run knows of.
// It does not ask the store for those that it has, nor if nothing was numbered since it read the
// last one.
func (t *tail) after(ctx context.Context, position int64) ([]Numbered, error) {
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if position < t.base { // it catches up, and others need not wait for it
		<-t.turn
		return t.run.after(ctx, position, readAtOnce)
	}
	defer func() { <-t.turn }()
	if err := t.reach(ctx, position); err != nil {
		return nil, err
	}
	return following(t.recent, position), nil
}

// following returns the events after a position, of events in ascending order.
func following(all []Numbered, position int64) []Numbered {
	first, _ := slices.BinarySearchFunc(all, position+1, func(e Numbered, p int64) int { return cmp.Compare(e.Position, p) })
	return all[first:]
}

// reach reads events if it has none after a position, which is not before its base.
func (t *tail) reach(ctx context.Context, position int64) error {
	switch top := t.top(); {
	case position < top:
		return nil
	case position > top: // it does not have those between
		t.base, t.recent = position, nil
	case !t.news.Load():
		return nil
	}
	t.news.Store(false) // before it reads, because more may be numbered meanwhile
	page, err := t.run.after(ctx, position, readAtOnce)
	if err != nil || len(page) == readAtOnce {
		t.news.Store(true)
	}
	if err != nil {
		return err
	}
	if over := len(t.recent) + len(page) - tailSize; over > 0 && len(t.recent) > 0 {
		over = min(over, len(t.recent))
		t.base = t.recent[over-1].Position
		t.recent = t.recent[over:]
	}
	t.recent = append(t.recent, page...) // deliveries have parts of it, which stay as they are
	return nil
}

// top returns the position of the last event, or the base if it has none.
func (t *tail) top() int64 {
	if len(t.recent) == 0 {
		return t.base
	}
	return t.recent[len(t.recent)-1].Position
}
