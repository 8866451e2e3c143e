package events_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

func TestEventsAreDeliveredInOrder(t *testing.T) {
	inOffice(t, func(o *office) {
		o.policy.Batch = 3
		ada, luca := id.User(o.ids.Next()), id.User(o.ids.Next())
		var b inbox
		defer o.run(o.relay(b.as("mail")))()
		for seq := int64(1); seq <= 20; seq += 2 {
			o.add(ada, seq, seq+1)
			o.add(luca, 100+seq)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		last := map[events.Aggregate]int64{}
		for _, e := range b.all {
			if e.Seq <= last[e.Aggregate] {
				t.Errorf("%s: %d was handled after %d", e.Aggregate, e.Seq, last[e.Aggregate])
			}
			last[e.Aggregate] = e.Seq
		}
		if len(b.all) != 30 {
			t.Errorf("handled %d events, want 30", len(b.all))
		}
		o.quiet()
	})
}

func TestSubscriberGetsItsTypes(t *testing.T) {
	inOffice(t, func(o *office) {
		var all, wallets, blocks inbox
		user := id.User(o.ids.Next())
		defer o.run(o.relay(
			all.as("all"), wallets.as("wallets", events.TypeWalletChanged), blocks.as("blocks", events.TypeBlockAdded, events.TypeBlockRemoved),
		))()
		o.add(user, 1)
		o.do(func(ctx context.Context, tx ports.Tx) error {
			return events.Add(ctx, tx, o.ids, time.Now(), 7, events.BlockRemoved{UserID: user})
		})
		time.Sleep(time.Second)
		o.want(&all, 1, 7)
		o.want(&wallets, 1)
		o.want(&blocks, 7)
		if p := o.subscription("wallets").Position; p != 2 {
			t.Errorf("the position is %d, want 2: events of other types are passed", p)
		}
	})
}

func TestNewSubscriberBeginsAtTheEnd(t *testing.T) {
	for name, test := range map[string]struct {
		fromOldest bool
		want       []int64
	}{"at the end": {false, []int64{3}}, "from the oldest": {true, []int64{1, 2, 3}}} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(o *office) {
				o.policy.Keep, o.policy.FromOldest = time.Hour, test.fromOldest
				user := id.User(o.ids.Next())
				stop := o.run(o.relay())
				o.add(user, 1, 2)
				time.Sleep(time.Second)
				stop()
				var b inbox
				defer o.run(o.relay(b.as("mail")))()
				o.add(user, 3)
				time.Sleep(time.Second)
				o.want(&b, test.want...)
			})
		})
	}
}

// killed is a store that is cut off before or after the commit of a unit that advances a
// subscription.
type killed struct {
	ports.Storage
	before, after bool
	dead          atomic.Bool
}

func (k *killed) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	if k.dead.Load() {
		return fmt.Errorf("killed: %w", uow.ErrUnreachable)
	}
	var advances bool
	err := k.Storage.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error {
		advances = false
		if err := fn(ctx, advancing{tx, &advances}); err != nil {
			return err
		}
		if advances && k.before {
			k.dead.Store(true)
			return fmt.Errorf("killed: %w", uow.ErrUnreachable)
		}
		return nil
	})
	if err == nil && advances && k.after {
		k.dead.Store(true)
		return fmt.Errorf("killed: %w", uow.ErrOutcomeUnknown)
	}
	return err
}

type advancing struct {
	ports.Tx
	did *bool
}

func (tx advancing) Subscriptions() events.Subscriptions {
	return advancingSubscriptions{tx.Tx.Subscriptions(), tx.did}
}

type advancingSubscriptions struct {
	events.Subscriptions
	did *bool
}

func (s advancingSubscriptions) Advance(ctx context.Context, l events.Lease, to int64) (bool, error) {
	*s.did = true
	return s.Subscriptions.Advance(ctx, l, to)
}

// A process that dies between handling and advancing repeats at most a batch.
func TestEventsAreDeliveredAgainAfterACrash(t *testing.T) {
	for name, test := range map[string]struct {
		before bool
		want   []int64
	}{
		"before the commit": {true, []int64{1, 2, 3, 1, 2, 3, 4, 5}},
		"after the commit":  {false, []int64{1, 2, 3, 4, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(o *office) {
				o.policy.Batch = 3
				user := id.User(o.ids.Next())
				var b inbox
				o.run(o.relay(b.as("mail")))() // subscribes
				o.add(user, 1, 2, 3, 4, 5)
				k := &killed{Storage: o.storage, before: test.before, after: !test.before}
				whole := o.store
				o.store = ports.NewStore(k, uow.Policy{})
				crashed := o.run(o.relay(b.as("mail")))
				time.Sleep(5 * time.Second)
				crashed()
				if !k.dead.Load() {
					t.Fatal("the process did not die")
				}
				o.want(&b, 1, 2, 3)
				o.store = whole
				defer o.run(o.relay(b.as("mail")))()
				time.Sleep(o.policy.Lease / 2)
				o.want(&b, 1, 2, 3) // the lease of the dead process has not ended
				time.Sleep(o.policy.Lease)
				o.want(&b, test.want...)
			})
		})
	}
}

// The process dies while it handles an event: nothing of the batch is stored.
func TestEventsAreDeliveredAgainAfterACrashOfTheHandler(t *testing.T) {
	inOffice(t, func(o *office) {
		user := id.User(o.ids.Next())
		k := &killed{Storage: o.storage}
		whole := o.store
		o.store = ports.NewStore(k, uow.Policy{})
		var b inbox
		b.fail = func(e events.Event, times int) error {
			if e.Seq == 2 && times == 1 {
				k.dead.Store(true)
				return errBroken
			}
			return nil
		}
		crashed := o.run(o.relay(b.as("mail")))
		o.add(user, 1, 2, 3)
		time.Sleep(time.Second)
		crashed()
		o.want(&b, 1)
		o.store = whole
		defer o.run(o.relay(b.as("mail")))()
		time.Sleep(o.policy.Lease + time.Second)
		o.want(&b, 1, 1, 2, 3)
		if s := o.subscription("mail"); s.Attempts != 0 || s.Position != 3 {
			t.Errorf("the subscription is %+v", s)
		}
	})
}

func TestRelaysShareTheirSubscribers(t *testing.T) {
	inOffice(t, func(o *office) {
		o.policy.Batch = 5
		var here, there inbox
		stop := o.run(o.relay(here.as("mail"), here.as("search")))
		defer o.run(o.relay(there.as("mail"), there.as("search")))()
		user := id.User(o.ids.Next())
		var want []int64
		for seq := int64(1); seq <= 40; seq++ {
			o.add(user, seq)
			want = append(want, seq, seq)
			time.Sleep(50 * time.Millisecond)
			if seq == 20 {
				time.Sleep(time.Second)
				stop() // releases what it has, so that the other takes over immediately
			}
		}
		time.Sleep(time.Second)
		got := slices.Concat(here.got(), there.got())
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("handled %v, want each of 40 events once by each subscriber", got)
		}
		o.quiet()
	})
}

func TestUnitsThatAreCommittedWakeTheRelay(t *testing.T) {
	inOffice(t, func(o *office) {
		o.policy.LookEvery = time.Minute
		var b inbox
		r := o.relay(b.as("mail"))
		defer o.run(r)()
		o.add(id.User(o.ids.Next()), 1)
		r.Wake()
		r.Wake()
		time.Sleep(50 * time.Millisecond)
		o.want(&b, 1)
	})
}

func TestRunStops(t *testing.T) {
	inOffice(t, func(o *office) {
		user := id.User(o.ids.Next())
		entered := make(chan struct{})
		var b inbox
		stop := o.run(o.relay(events.Subscriber{Name: "mail", Handle: func(ctx context.Context, e events.Event) error {
			if e.Seq == 3 {
				close(entered)
				<-ctx.Done()
				return ctx.Err()
			}
			return b.handle(ctx, e)
		}}))
		o.add(user, 1, 2, 3)
		<-entered
		begun := time.Now()
		stop()
		if took := time.Since(begun); took != 0 {
			t.Errorf("Run returned after %v", took)
		}
		s := o.subscription("mail")
		if s.Position != 2 || s.Attempts != 0 || s.Holder != "" {
			t.Errorf("the subscription is %+v, want position 2, no attempts and no holder", s)
		}
		o.quiet()
	}) // synctest fails if a goroutine is left
}

// A handler that succeeds although its context has ended gets no further event.
func TestRunStopsBetweenTwoEvents(t *testing.T) {
	inOffice(t, func(o *office) {
		var b inbox
		entered := make(chan struct{})
		stop := o.run(o.relay(events.Subscriber{Name: "mail", Handle: func(ctx context.Context, e events.Event) error {
			if e.Seq == 2 {
				close(entered)
				<-ctx.Done()
			}
			return b.handle(ctx, e)
		}}))
		o.add(id.User(o.ids.Next()), 1, 2, 3, 4)
		<-entered
		stop()
		o.want(&b, 1, 2)
		if s := o.subscription("mail"); s.Position != 2 || s.Holder != "" {
			t.Errorf("the subscription is %+v, want position 2 and no holder", s)
		}
		o.quiet()
	})
}

// slow is a store whose writing units take a second.
type slow struct{ ports.Storage }

func (s slow) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	if mode == uow.Write {
		time.Sleep(time.Second)
	}
	return s.Storage.Run(ctx, mode, fn)
}

// The first of many events are delivered while the others are numbered.
func TestEventsAreDeliveredWhileOthersAreNumbered(t *testing.T) {
	inOffice(t, func(o *office) {
		o.run(o.relay((&inbox{}).as("mail")))() // subscribes
		seqs := make([]int64, 5000)
		for i := range seqs {
			seqs[i] = int64(i + 1)
		}
		o.add(id.User(o.ids.Next()), 1)
		o.store = ports.NewStore(slow{o.storage}, uow.Policy{})
		var b inbox
		defer o.run(o.relay(b.as("mail")))()
		time.Sleep(5 * time.Second)
		o.want(&b, 1)
		o.add(id.User(o.ids.Next()), seqs...)
		time.Sleep(5 * time.Second)
		if n := len(b.got()); n < 10 {
			t.Errorf("%d events were handled after 5 s", n)
		}
		o.quiet()
	})
}

// A delivery that fails again and again rests longer and longer.
func TestASubscriptionCannotBeLeased(t *testing.T) {
	inOffice(t, func(o *office) {
		leaseless := &leaseless{Storage: o.storage}
		leaseless.broken.Store(true)
		o.store = ports.NewStore(leaseless, uow.Policy{})
		var b, other inbox
		defer o.run(o.relay(b.as("mail"), other.as("search")))()
		o.add(id.User(o.ids.Next()), 1)
		time.Sleep(time.Hour)
		o.want(&other, 1)
		o.want(&b)
		synctest.Wait()
		if n := len(o.reports); n < 10 || n > 500 {
			t.Errorf("%d reports in an hour", n)
		}
		leaseless.broken.Store(false)
		time.Sleep(20 * time.Second)
		o.want(&b, 1)
	})
}

// leaseless is a store that fails to lease the subscription mail.
type leaseless struct {
	ports.Storage
	broken atomic.Bool
}

func (l *leaseless) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	return l.Storage.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error { return fn(ctx, leaselessTx{tx, l}) })
}

type leaselessTx struct {
	ports.Tx
	of *leaseless
}

func (tx leaselessTx) Subscriptions() events.Subscriptions {
	return leaselessSubscriptions{tx.Tx.Subscriptions(), tx.of}
}

type leaselessSubscriptions struct {
	events.Subscriptions
	of *leaseless
}

func (s leaselessSubscriptions) Lease(
	ctx context.Context, name, holder string, now, until time.Time,
) (events.Subscription, bool, error) {
	if s.of.broken.Load() && name == "mail" {
		return events.Subscription{}, false, errBroken
	}
	return s.Subscriptions.Lease(ctx, name, holder, now, until)
}

func TestTheStoreIsUnreachable(t *testing.T) {
	inOffice(t, func(o *office) {
		k := &killed{Storage: o.storage}
		k.dead.Store(true)
		o.store = ports.NewStore(k, uow.Policy{})
		var b inbox
		defer o.run(o.relay(b.as("mail")))()
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := len(o.reports); n < 10 || n > 500 {
			t.Errorf("%d reports in an hour", n)
		}
		k.dead.Store(false)
		time.Sleep(20 * time.Second)
		o.add(id.User(o.ids.Next()), 1)
		time.Sleep(time.Second)
		o.want(&b, 1)
	})
}

func TestNewRelayChecks(t *testing.T) {
	store := ports.ForEvents(ports.NewStore(&killed{}, uow.Policy{}))
	handle := func(context.Context, events.Event) error { return nil }
	_, err := events.NewRelay(events.RelayDeps{Policy: events.DefaultPolicy()})
	if !errors.Is(err, fault.Internal) {
		t.Errorf("without a store: %v", err)
	}
	long := fmt.Sprintf("%0*d", events.MaxName+1, 0)
	_, err = events.NewRelay(events.RelayDeps{Store: store, Subscribers: []events.Subscriber{
		{Name: "mail", Handle: handle}, {Name: "mail", Handle: handle}, {Name: "Mail", Handle: handle}, {Name: "", Handle: handle},
		{Name: long, Handle: handle}, {Name: "types", Types: []events.Type{"user.born"}, Handle: handle}, {Name: "none"},
		{Name: "patient", Handle: handle, TryFor: -1}, {Name: "both", Handle: handle, Prepare: (&planner{}).prepare},
	}, Policy: events.DefaultPolicy()})
	want := []string{
		"Subscribers[1].Name", "Subscribers[2].Name", "Subscribers[3].Name", "Subscribers[4].Name", "Subscribers[5].Types", "Subscribers[6].Handle",
		"Subscribers[7].TryFor", "Subscribers[8].Prepare",
	}
	if got := fieldsOf(err); !slices.Equal(got, want) {
		t.Errorf("invalid subscribers: %v", err)
	}
	_, err = events.NewRelay(events.RelayDeps{Store: store, Policy: events.Policy{Keep: -1}})
	want = []string{"LookEvery", "Batch", "HandleTime", "MaxTries", "MinPause", "BehindAfter", "Keep"}
	if got := fieldsOf(err); !slices.Equal(got, want) {
		t.Errorf("an empty policy: %v", err)
	}
	p := events.DefaultPolicy()
	p.Lease, p.MaxPause, p.Batch, p.MaxTries, p.LookEvery = 2*p.HandleTime-1, p.MinPause-1, 1001, 1001, time.Hour
	_, err = events.NewRelay(events.RelayDeps{Store: store, Policy: p})
	if got := fieldsOf(err); !slices.Equal(got, []string{"LookEvery", "Batch", "Lease", "MaxTries", "MaxPause"}) {
		t.Errorf("a policy beyond its bounds: %v", err)
	}
}

func fieldsOf(err error) (names []string) {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		for _, field := range f.Fields {
			names = append(names, field.Name)
		}
	}
	return names
}

func TestSeveralRunsOfOneRelay(t *testing.T) {
	inOffice(t, func(o *office) {
		var b inbox
		r := o.relay(b.as("mail"))
		stop := o.run(r)
		defer o.run(r)()
		user := id.User(o.ids.Next())
		o.add(user, 1, 2)
		time.Sleep(time.Second)
		stop()
		o.add(user, 3)
		r.Wake()
		time.Sleep(time.Second)
		synctest.Wait()
		o.want(&b, 1, 2, 3)
		o.quiet()
	})
}
