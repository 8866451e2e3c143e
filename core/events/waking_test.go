package events_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// town connects processes: each has a line, and Notify on one line wakes the others.
type town struct {
	mu    sync.Mutex
	lines []*line
}

type line struct {
	town     *town
	woken    func()      // of the Watch that listens; nil if none does
	broken   chan error  // Watch returns what it receives
	failing  error       // Notify returns it
	notified []time.Time // when Notify was called
	watched  []time.Time // when Watch was called
}

func (c *town) line() *line {
	l := &line{town: c, broken: make(chan error)}
	c.lines = append(c.lines, l)
	return l
}

// fails makes Notify return an error, or none.
func (l *line) fails(err error) {
	l.town.mu.Lock()
	defer l.town.mu.Unlock()
	l.failing = err
}

func (l *line) Notify(context.Context) error {
	l.town.mu.Lock()
	defer l.town.mu.Unlock()
	l.notified = append(l.notified, time.Now())
	if l.failing != nil {
		return l.failing
	}
	for _, other := range l.town.lines {
		if other != l && other.woken != nil {
			other.woken()
		}
	}
	return nil
}

func (l *line) Watch(ctx context.Context, woken func()) error {
	listen := func(woken func()) {
		l.town.mu.Lock()
		defer l.town.mu.Unlock()
		l.woken = woken
	}
	l.town.mu.Lock()
	l.watched = append(l.watched, time.Now())
	l.town.mu.Unlock()
	listen(woken)
	defer listen(nil)
	woken()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-l.broken:
		return err
	}
}

// on returns a relay of a process with a line.
func (o *office) on(l *line, subscribers ...events.Subscriber) *events.Relay {
	o.Helper()
	r, err := events.NewRelay(events.RelayDeps{Store: ports.ForEvents(o.store), Notifier: l, Policy: o.policy, Subscribers: subscribers})
	if err != nil {
		o.Fatal(err)
	}
	return r
}

// rare makes relays look for events rarely, so that only a notification wakes them soon.
func (o *office) rare() { o.policy.LookEvery = time.Minute }

// signals returns the number of values in a channel of Watch.
func signals(woken <-chan struct{}) (n int) {
	synctest.Wait()
	for {
		select {
		case <-woken:
			n++
		default:
			return n
		}
	}
}

// An event that a process without a running relay commits is delivered soon by another process.
func TestOtherProcessesAreWoken(t *testing.T) {
	inOffice(t, func(o *office) {
		o.rare()
		user := id.User(o.ids.Next())
		var c town
		var b inbox
		writes := o.on(c.line())
		defer o.run(o.on(c.line(), b.as("mail")))()
		o.add(user, 1)
		time.Sleep(time.Second)
		o.want(&b)
		writes.Wake()
		time.Sleep(100 * time.Millisecond)
		o.want(&b, 1)
		o.quiet()
	})
}

// A process that numbers events wakes the others, and Watch of each.
func TestNumberingWakesOthers(t *testing.T) {
	inOffice(t, func(o *office) {
		o.rare()
		user := id.User(o.ids.Next())
		var c town
		var b inbox
		first, second := o.on(c.line()), o.on(c.line(), b.as("mail"))
		defer o.run(second)()
		defer o.run(first)()
		time.Sleep(2 * time.Second) // both have listed the subscription
		here, stopHere := first.Watch()
		there, stopThere := second.Watch()
		defer stopHere()
		o.add(user, 1)
		if n := signals(here) + signals(there); n != 0 {
			t.Errorf("%d signals before Wake", n)
		}
		first.Wake()
		time.Sleep(100 * time.Millisecond)
		o.want(&b, 1)
		if h, e := signals(here), signals(there); h != 1 || e != 1 {
			t.Errorf("%d signals here and %d there, want 1 and 1", h, e)
		}
		second.Announce()
		time.Sleep(100 * time.Millisecond)
		if h, e := signals(here), signals(there); h != 1 || e != 1 {
			t.Errorf("%d signals here and %d there after Announce, want 1 and 1", h, e)
		}
		stopThere()
		second.Announce()
		time.Sleep(100 * time.Millisecond)
		if h, e := signals(here), signals(there); h != 1 || e != 0 {
			t.Errorf("%d signals here and %d to one that has stopped, want 1 and 0", h, e)
		}
		o.quiet()
	})
}

// A process that looks by itself finds what another one has numbered, and tells those that watch.
func TestWatchWithoutNotifier(t *testing.T) {
	inOffice(t, func(o *office) {
		user := id.User(o.ids.Next())
		var b inbox
		first, second := o.relay(b.as("mail")), o.relay()
		defer o.run(first)()
		defer o.run(second)()
		woken, stop := second.Watch()
		defer stop()
		signals(woken)
		o.add(user, 1)
		first.Wake()
		time.Sleep(time.Second)
		if n := signals(woken); n != 1 {
			t.Errorf("%d signals, want 1", n)
		}
	})
}

// Many commits cost few notifications, and the last one is not forgotten.
func TestNotificationsAreCoalesced(t *testing.T) {
	inOffice(t, func(o *office) {
		var c town
		l := c.line()
		r := o.on(l)
		began := time.Now()
		for range 1000 {
			r.Wake()
			time.Sleep(100 * time.Microsecond)
		}
		last := time.Now()
		time.Sleep(time.Second)
		synctest.Wait()
		if n := len(l.notified); n < 2 || n > 7 {
			t.Errorf("%d notifications in %v, want 2 to 7", n, last.Sub(began))
		}
		if !l.notified[0].Equal(began) {
			t.Errorf("the first notification is %v late", l.notified[0].Sub(began))
		}
		if end := l.notified[len(l.notified)-1]; end.Before(last.Add(-100*time.Microsecond)) || end.After(last.Add(20*time.Millisecond)) {
			t.Errorf("the last notification was %v after the last Wake", end.Sub(last))
		}
	})
}

// A Watch that breaks is reported and begun again, later each time, and polling goes on meanwhile.
func TestBrokenWatch(t *testing.T) {
	inOffice(t, func(o *office) {
		user := id.User(o.ids.Next())
		var c town
		var b inbox
		l := c.line()
		r := o.on(l, b.as("mail"))
		defer o.run(r)()
		time.Sleep(2 * time.Second)
		if !r.Progress().Watching {
			t.Error("it does not watch")
		}
		l.broken <- errors.New("the line is cut")
		synctest.Wait()
		o.reported("wait for notifications of other processes: the line is cut")
		if r.Progress().Watching {
			t.Error("it watches although the line is cut")
		}
		o.add(user, 1)
		time.Sleep(time.Second)
		o.want(&b, 1)
		if len(l.watched) != 2 || !r.Progress().Watching {
			t.Errorf("it has called Watch %d times, want 2", len(l.watched))
		}
	})
}

// A store that cannot wake processes is asked once, and polling goes on.
func TestNoWatch(t *testing.T) {
	inOffice(t, func(o *office) {
		user := id.User(o.ids.Next())
		var c town
		var b inbox
		l := c.line()
		r := o.on(l, b.as("mail"))
		defer o.run(r)()
		l.broken <- events.ErrNoWatch
		o.add(user, 1)
		time.Sleep(time.Minute)
		o.want(&b, 1)
		if len(l.watched) != 1 || r.Progress().Watching {
			t.Errorf("it has called Watch %d times, want 1", len(l.watched))
		}
		o.quiet()
	})
}

// Failing notifications are reported once, until one succeeds.
func TestFailingNotifications(t *testing.T) {
	inOffice(t, func(o *office) {
		var c town
		l := c.line()
		r := o.on(l)
		defer o.run(r)()
		l.fails(errors.New("no connection"))
		for range 3 {
			r.Announce()
			time.Sleep(time.Second)
		}
		o.mu.Lock()
		reports := slices.Clone(o.reports)
		o.mu.Unlock()
		if !slices.Equal(reports, []string{"notify other processes of events: no connection"}) {
			t.Errorf("reported: %q", reports)
		}
		l.fails(nil)
		r.Announce()
		time.Sleep(time.Second)
		l.fails(errors.New("again no connection"))
		r.Announce()
		time.Sleep(time.Second)
		o.reported("again no connection")
	})
}

// TestBusyRelayGathers tests that a few events are numbered soon, and that many are numbered in
// fewer rounds.
func TestBusyRelayGathers(t *testing.T) {
	for name, test := range map[string]struct {
		events       int // in each of 100 units, one every 10 ms
		rounds, most int64
		within       time.Duration
	}{
		"few": {1, 45, 52, 21 * time.Millisecond}, "many": {30, 15, 20, 61 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(o *office) {
				counted := &numberings{Storage: o.storage}
				o.store = ports.NewStore(counted, uow.Policy{})
				o.rare()
				user := id.User(o.ids.Next())
				var b inbox
				r := o.relay(b.as("mail"))
				defer o.run(r)()
				seqs := make([]int64, test.events)
				for i := range 100 {
					for n := range seqs {
						seqs[n] = int64(i*test.events + n + 1)
					}
					o.add(user, seqs...)
					r.Wake()
					time.Sleep(10 * time.Millisecond)
				}
				if n := counted.calls.Load(); n < test.rounds || n > test.most {
					t.Errorf("numbered in %d rounds in a second, want %d to %d", n, test.rounds, test.most)
				}
				time.Sleep(test.within)
				synctest.Wait()
				if n := len(b.got()); n != 100*test.events {
					t.Errorf("%d events are handled after %v, want %d", n, test.within, 100*test.events)
				}
			})
		})
	}
}

// numberings counts the calls of Number.
type numberings struct {
	ports.Storage
	calls atomic.Int64
}

func (n *numberings) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	return n.Storage.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error { return fn(ctx, numberingTx{tx, n}) })
}

type numberingTx struct {
	ports.Tx
	count *numberings
}

func (tx numberingTx) Events() events.Repository { return numberingEvents{tx.Tx.Events(), tx.count} }

type numberingEvents struct {
	events.Repository
	count *numberings
}

func (e numberingEvents) Number(ctx context.Context, limit int) (int, error) {
	e.count.calls.Add(1)
	return e.Repository.Number(ctx, limit)
}
