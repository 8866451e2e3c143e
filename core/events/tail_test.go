package events_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// counted is a store that counts what a relay asks it for.
type counted struct {
	ports.Storage
	mu    sync.Mutex
	calls map[string]int
	read  map[int64]int // how often the event at a position was read
}

func newCounted(storage ports.Storage) *counted {
	return &counted{Storage: storage, calls: map[string]int{}, read: map[int64]int{}}
}

func (c *counted) note(call string, page ...events.Numbered) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[call]++
	for _, e := range page {
		c.read[e.Position]++
	}
}

// since returns how often a call was made, and begins again.
func (c *counted) since(call string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() { c.calls[call] = 0 }()
	return c.calls[call]
}

func (c *counted) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	return c.Storage.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error { return fn(ctx, countedTx{tx, c}) })
}

type countedTx struct {
	ports.Tx
	of *counted
}

func (tx countedTx) Events() events.Repository { return countedEvents{tx.Tx.Events(), tx.of} }
func (tx countedTx) Subscriptions() events.Subscriptions {
	return countedSubscriptions{tx.Tx.Subscriptions(), tx.of}
}

type countedEvents struct {
	events.Repository
	of *counted
}

func (r countedEvents) After(ctx context.Context, position int64, limit int) ([]events.Numbered, error) {
	page, err := r.Repository.After(ctx, position, limit)
	if limit > 1 { // the upkeep looks at one
		r.of.note("After", page...)
	}
	return page, err
}

type countedSubscriptions struct {
	events.Subscriptions
	of *counted
}

func (s countedSubscriptions) Subscription(ctx context.Context, name string) (events.Subscription, error) {
	s.of.note("Subscription " + name)
	return s.Subscriptions.Subscription(ctx, name)
}

func (s countedSubscriptions) Advance(ctx context.Context, l events.Lease, to int64) (bool, error) {
	s.of.note("Advance " + l.Name)
	return s.Subscriptions.Advance(ctx, l, to)
}

func TestEventsAreReadOnceForAllSubscribers(t *testing.T) {
	inOffice(t, func(o *office) {
		c := newCounted(o.storage)
		o.store = ports.NewStore(c, uow.Policy{})
		o.policy.Batch = 10
		var one, two, three inbox
		defer o.run(o.relay(one.as("one"), two.as("two"), three.as("three")))()
		user := id.User(o.ids.Next())
		var want []int64
		for seq := int64(1); seq <= 200; seq++ {
			o.add(user, seq)
			want = append(want, seq)
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Second)
		for _, b := range []*inbox{&one, &two, &three} {
			o.want(b, want...)
		}
		for position, n := range c.read {
			if n != 1 {
				t.Errorf("the event at position %d was read %d times", position, n)
			}
		}
		if len(c.read) != len(want) {
			t.Errorf("%d events were read, want %d", len(c.read), len(want))
		}
		o.quiet()
	})
}

// A subscriber of other types costs the store one change a second.
func TestEventsOfOtherTypesAreSkipped(t *testing.T) {
	inOffice(t, func(o *office) {
		c := newCounted(o.storage)
		o.store = ports.NewStore(c, uow.Policy{})
		var b inbox
		stop := o.run(o.relay(b.as("mail", events.TypeBlockRemoved)))
		user := id.User(o.ids.Next())
		for seq := int64(1); seq <= 1000; seq++ {
			o.add(user, seq)
			time.Sleep(10 * time.Millisecond)
		}
		if n := c.since("Advance mail"); n < 5 || n > 11 {
			t.Errorf("the position was stored %d times in 10 s", n)
		}
		if n := c.since("Subscription mail"); n > 1 { // the first is the test's own, or that of the first delivery
			t.Errorf("the subscription was read %d times in 10 s", n)
		}
		o.add(user, 1001)
		time.Sleep(2 * time.Second)
		if s := o.subscription("mail"); s.Position != 1001 {
			t.Errorf("2 s after the last event, the position is %d, want 1001", s.Position)
		}
		o.do(func(ctx context.Context, tx ports.Tx) error {
			return events.Add(ctx, tx, o.ids, time.Now(), 7, events.BlockRemoved{UserID: user})
		})
		time.Sleep(300 * time.Millisecond)
		o.want(&b, 7)
		o.add(user, 1002)
		time.Sleep(300 * time.Millisecond)
		stop()
		if s := o.subscription("mail"); s.Position != 1003 || s.Holder != "" {
			t.Errorf("at the end, the subscription is %+v, want position 1003 and no holder", s)
		}
		o.quiet()
	})
}

// A relay that knows of no events after those that it has read does not ask for any.
func TestAnIdleRelayReadsNoEvents(t *testing.T) {
	inOffice(t, func(o *office) {
		c := newCounted(o.storage)
		o.store = ports.NewStore(c, uow.Policy{})
		var b, other inbox
		b.fail = failing(2)
		o.policy.MinPause, o.policy.MaxPause = time.Hour, time.Hour
		defer o.run(o.relay(b.as("mail"), other.as("search")))()
		o.add(id.User(o.ids.Next()), 1, 2, 3)
		time.Sleep(time.Second)
		c.since("After")
		time.Sleep(time.Minute)
		if n := c.since("After"); n != 0 {
			t.Errorf("events were read %d times in a minute without new ones", n)
		}
	})
}

// Subscribers that are further behind than a tail goes get each event once, too, and so do those of
// another process, which numbers some of the events.
func TestSlowSubscribersAndOtherProcesses(t *testing.T) {
	inOffice(t, func(o *office) {
		var c town
		var fast, slow, there inbox
		sluggish := slow.as("slow")
		sluggish.Handle = func(ctx context.Context, e events.Event) error {
			time.Sleep(7 * time.Millisecond)
			return slow.handle(ctx, e)
		}
		here, other := o.on(c.line(), fast.as("fast"), sluggish), o.on(c.line(), there.as("there"))
		defer o.run(here)()
		defer o.run(other)()
		user := id.User(o.ids.Next())
		var want []int64
		for seq := int64(1); seq <= 6000; seq += 3 {
			o.add(user, seq, seq+1, seq+2)
			want = append(want, seq, seq+1, seq+2)
			if seq%2 == 0 {
				here.Wake()
			} else {
				other.Wake()
			}
			time.Sleep(5 * time.Millisecond)
		}
		time.Sleep(time.Second)
		o.want(&fast, want...)
		o.want(&there, want...)
		if n := len(slow.got()); n > 3000 {
			t.Errorf("the slow subscriber has handled %d events already", n)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		o.want(&slow, want...)
		o.quiet()
	})
}

// Another process takes a subscription over, and it returns to a relay that has read other events.
func TestSubscriptionGoesAndReturns(t *testing.T) {
	inOffice(t, func(o *office) {
		var here, there, keeps inbox
		defer o.run(o.relay(here.as("mail"), keeps.as("search")))()
		user := id.User(o.ids.Next())
		add := func(seqs ...int64) {
			o.add(user, seqs...)
			time.Sleep(time.Second)
		}
		add(1, 2)
		o.do(func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Subscriptions().Switch(ctx, "mail", events.Active, events.Off, now())
			return err
		})
		o.begin("mail", 2)
		stop := o.run(o.relay(there.as("mail")))
		time.Sleep(o.policy.Lease)
		add(3, 4)
		stop()
		time.Sleep(o.policy.Lease)
		add(5)
		got := slices.Concat(here.got(), there.got())
		slices.Sort(got)
		if !slices.Equal(got, []int64{1, 2, 3, 4, 5}) {
			t.Errorf("handled %v here and %v there, want each event once", here.got(), there.got())
		}
		o.want(&keeps, 1, 2, 3, 4, 5)
	})
}

// A subscription begins again after events that a slow subscriber of the relay has not reached. The
// relay reads on from there, more than it can keep, and the slow subscriber still gets all.
func TestSubscriptionBeginsAheadOfASlowOne(t *testing.T) {
	inOffice(t, func(o *office) {
		var fast, slow inbox
		stuck := make(chan struct{})
		sluggish := slow.as("slow")
		sluggish.Handle = func(ctx context.Context, e events.Event) error {
			if e.Seq == 1 {
				<-stuck
			}
			return slow.handle(ctx, e)
		}
		defer o.run(o.relay(fast.as("fast"), sluggish))()
		user := id.User(o.ids.Next())
		var all []int64
		add := func(n int) {
			for range n {
				all = append(all, int64(len(all))+1)
			}
			o.add(user, all[len(all)-n:]...)
			time.Sleep(300 * time.Millisecond)
		}
		add(10)
		o.do(func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Subscriptions().Switch(ctx, "fast", events.Active, events.Off, now())
			return err
		})
		add(1) // tells the relay that the subscription is off, so that it reads none of the next nine
		add(9)
		o.begin("fast", 20)
		time.Sleep(2 * time.Second)
		for range 10 {
			add(99)
		}
		add(5) // with those before the gap, more than a tail keeps
		o.want(&fast, slices.Concat(all[:10], all[20:])...)
		close(stuck)
		time.Sleep(time.Minute)
		o.want(&slow, all...)
		o.quiet()
	})
}
