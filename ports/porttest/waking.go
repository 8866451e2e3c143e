package porttest

import (
	"context"
	"errors"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/ports"
)

// wakingTests are of stores that implement events.Notifier; others pass them.
var wakingTests = []test{
	{"watching begins with a wake-up and ends with its context", watchEnds},
	{"watching ends when the store is closed", watchClosed},
	{"a notification waits for no unit", notifyBesideUnit},
}

// watching is a call of Watch.
type watching struct {
	*task
	woken chan struct{}
}

// ends reports whether the call returns promptly.
func (f *fixture) ends(t *task) bool {
	ctx, cancel := context.WithTimeout(f.ctx, promptly)
	defer cancel()
	return !errors.Is(t.wait(ctx), errNeverEnded)
}

// watch calls Watch in the background, and waits until it listens. It returns nil if the store wakes
// no other process.
func (f *fixture) watch(ctx context.Context) *watching {
	f.Helper()
	f.alive()
	notifier, ok := f.storage.(events.Notifier)
	if !ok {
		return nil
	}
	w := &watching{woken: make(chan struct{}, 1)}
	w.task = inBackground(func() error {
		return notifier.Watch(ctx, func() {
			select {
			case w.woken <- struct{}{}:
			default:
			}
		})
	})
	select {
	case <-w.woken:
		return w
	case <-w.done:
		if !errors.Is(w.err, events.ErrNoWatch) {
			f.Errorf("Watch returned %v before it listened", w.err)
		}
	case <-time.After(promptly):
		f.Error("Watch has called no function when it began to listen")
	}
	return nil
}

func watchEnds(f *fixture) {
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	w := f.watch(ctx)
	if w == nil {
		return
	}
	cancel()
	if !f.ends(w.task) {
		f.Fatal("Watch has not returned after its context ended")
	}
	if !errors.Is(w.err, context.Canceled) {
		f.Errorf("Watch returned %v after its context ended, want context.Canceled", w.err)
	}
	f.alive()
}

func watchClosed(f *fixture) {
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	w := f.watch(ctx)
	if w == nil {
		return
	}
	if err := f.storage.Close(f.ctx); err != nil {
		f.Errorf("Close returned %v while Watch listened", err)
	}
	if !f.ends(w.task) {
		f.Fatal("Watch has not returned after the store was closed")
	}
	if w.err == nil || errors.Is(w.err, events.ErrNoWatch) {
		f.Errorf("Watch returned %v after the store was closed", w.err)
	}
}

func notifyBesideUnit(f *fixture) {
	f.alive()
	notifier, ok := f.storage.(events.Notifier)
	if !ok {
		return
	}
	f.do(func(ctx context.Context, tx ports.Tx) error {
		err := events.Add(ctx, tx, f.ids, noon, 1, events.InterestChanged{InterestID: id.Interest(f.ids.Next())})
		if err != nil {
			return err
		}
		if _, err := tx.Events().Number(ctx, 0); err != nil { // sends what the unit has queued
			return err
		}
		notified := inBackground(func() error { return notifier.Notify(f.ctx) })
		if !f.ends(notified) {
			return errors.New("notifying waits for a unit that has added an event")
		}
		return notified.err
	})
}
