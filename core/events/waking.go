package events

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Notifier is implemented by a store through which the processes that use it wake each other. It is
// optional: without it, and whenever a notification is lost, a relay finds events after
// Policy.LookEvery.
type Notifier interface {
	// Notify wakes the calls of Watch in all other processes. It runs outside of every unit of work,
	// so that no unit waits for it. It does nothing in a store whose Watch sees each commit by itself.
	Notify(ctx context.Context) error

	// Watch calls woken once when it begins to listen, because others may have called Notify before,
	// and then soon after Notify. It may call it more often, and also after a Notify of its own
	// process. It returns when ctx ends or when it cannot listen any more: the caller then waits a
	// little and calls it again. It returns ErrNoWatch if it will never be able to listen.
	Watch(ctx context.Context, woken func()) error
}

// ErrNoWatch is returned by a Notifier whose server, or whose way to it, wakes no one.
var ErrNoWatch = errors.New("this store cannot wake other processes")

// Wake makes the relay look for events soon, and not only after Policy.LookEvery. It is called after
// the commit of a unit that may have added events. It returns immediately. The relay ignores it
// while the store has no active subscription and there is no Watch. If Run does not run in this
// process, Wake wakes the relays of others. A host that has joined units to a transaction of its own
// calls Wake after the commit; otherwise their events are found after Policy.LookEvery.
func (r *Relay) Wake() {
	if !r.wakeRuns() {
		r.bell.ring()
	}
}

// wakeRuns wakes the runs of this process, and reports whether there are any.
func (r *Relay) wakeRuns() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wanted || len(r.watchers) > 0 {
		for run := range r.runs {
			wake(run.woken)
		}
	}
	return len(r.runs) > 0
}

// Watch returns a channel that receives a value, while Run runs in this process, soon after events
// were numbered, by any process, and after Announce in any process. It may receive one when nothing
// has changed, and one for several changes; after errors of the store it may miss some. The caller
// calls stop when it does not need the channel any more. The channel is never closed.
func (r *Relay) Watch() (woken <-chan struct{}, stop func()) {
	watcher := make(chan struct{}, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watchers[watcher] = true
	return watcher, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.watchers, watcher)
	}
}

// Announce wakes all that Watch, in this process and in others. A subscriber calls it after the
// commit of what it has made of events for them. It returns immediately.
func (r *Relay) Announce() {
	r.wakeWatchers()
	r.bell.ring()
}

func (r *Relay) wakeWatchers() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for watcher := range r.watchers {
		wake(watcher)
	}
}

func wake(woken chan struct{}) {
	select {
	case woken <- struct{}{}:
	default: // it is awake
	}
}

// watch is woken by other processes until ctx ends.
func (r *relayRun) watch(ctx context.Context) {
	for failed := int64(0); ctx.Err() == nil; {
		err := r.deps.Notifier.Watch(ctx, func() {
			failed = 0
			r.setWatching(true)
			r.wakeRuns()
		})
		r.setWatching(false)
		if ctx.Err() != nil || errors.Is(err, ErrNoWatch) {
			return
		}
		r.report(fmt.Errorf("wait for notifications of other processes: %w", err))
		failed++
		sleep(ctx, Policy{MinPause: r.deps.Policy.LookEvery, MaxPause: maxRest}.pause(failed))
	}
}

func (r *relayRun) setWatching(watching bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watching = watching
}

// bell notifies the relays of other processes, at most once in gatherTime.
type bell struct {
	relay *Relay

	mu      sync.Mutex
	ringing bool // a goroutine notifies, or waits for the end of gatherTime
	again   bool // it has to notify once more
	broken  bool // the last notification failed; only that goroutine uses it
}

// ring notifies soon. It returns immediately.
func (b *bell) ring() {
	if b.relay.deps.Notifier == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ringing {
		b.again = true
		return
	}
	b.ringing = true
	go func() {
		for again := true; again; again = b.rest() {
			b.notify()
		}
	}()
}

// rest waits for the end of gatherTime, and reports whether ring was called since the last
// notification began.
func (b *bell) rest() (again bool) {
	time.Sleep(gatherTime)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ringing, again, b.again = b.again, b.again, false
	return again
}

// notify reports the first of several failures: others find the events themselves, but later.
func (b *bell) notify() {
	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	err := b.relay.deps.Notifier.Notify(ctx)
	if err != nil && !b.broken {
		b.relay.reportAll(fmt.Errorf("notify other processes of events: %w", err))
	}
	b.broken = err != nil
}

// reportAll passes an error to the runs of this process. Without any it is lost.
func (r *Relay) reportAll(err error) {
	r.mu.Lock()
	runs := slices.Collect(maps.Keys(r.runs))
	r.mu.Unlock()
	for _, run := range runs {
		run.report(err)
	}
}
