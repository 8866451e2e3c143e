package events_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// diary is what a host has in memory, beside the store.
type diary struct {
	mu    sync.Mutex
	calls []string
	lines []string // that were committed
	fail  func(e events.Event, call int) error
	also  []events.Data // are added with the first event
}

func (d *diary) handle(name string) func(context.Context, ports.Tx, events.Event) error {
	return func(ctx context.Context, tx ports.Tx, e events.Event) error {
		line := fmt.Sprintf("%s %s %d", name, e.Type, e.Seq)
		d.mu.Lock()
		d.calls = append(d.calls, line)
		calls, fail, also := len(d.calls), d.fail, d.also
		d.also = nil
		d.mu.Unlock()
		err := memory.OnCommit(ctx, func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.lines = append(d.lines, line)
		})
		if err != nil {
			return err
		}
		for _, data := range also {
			if err := events.Add(ctx, tx, id.NewGenerator(nil), now(), e.Seq+1, data); err != nil {
				return err
			}
		}
		if fail != nil {
			return fail(e, calls)
		}
		return nil
	}
}

func (d *diary) as(name string, types ...events.Type) ports.JoinedSubscriber {
	return ports.JoinedSubscriber{Name: name, Types: types, Handle: d.handle(name)}
}

func (d *diary) want(t *testing.T, lines ...string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Equal(d.lines, lines) {
		t.Errorf("the committed lines are %q, want %q", d.lines, lines)
	}
}

// inJoinedOffice is inOffice, with joined subscribers in the units of the store.
func inJoinedOffice(t *testing.T, test func(o *office), joined ...ports.JoinedSubscriber) {
	t.Helper()
	inOffice(t, func(o *office) {
		runner, err := events.Join(events.JoinDeps[ports.Tx]{
			Runner: o.storage, Subscribers: joined, With: ports.WithEvents, Clock: clock.System(), IDs: o.ids, Policy: o.policy,
			Report: o.report,
		})
		if err != nil {
			o.Fatal(err)
		}
		o.store = ports.NewStore(storageOf{runner, o.storage}, uow.Policy{})
		test(o)
	})
}

type storageOf struct {
	uow.Runner[ports.Tx]
	ports.Storage
}

func (s storageOf) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	return s.Runner.Run(ctx, mode, fn)
}

// must runs a unit of work that must not be refused, which adds an event of a wallet for each seq.
func (o *office) must(seqs ...int64) {
	o.Helper()
	if err := o.try(events.WithoutRefusal(context.Background()), seqs...); err != nil {
		o.Error(err)
	}
}

func (o *office) try(ctx context.Context, seqs ...int64) error {
	return o.store.Do(ctx, func(ctx context.Context, tx ports.Tx) error {
		for _, seq := range seqs {
			if err := events.Add(ctx, tx, o.ids, now(), seq, events.WalletChanged{UserID: ada, Amount: seq}); err != nil {
				return err
			}
		}
		return nil
	})
}

// committed returns the number of events that were committed.
func (o *office) committed() (n int) {
	o.Helper()
	o.do(func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Events().Number(ctx, 1000)
		return err
	})
	return len(o.kept())
}

func TestJoinedSubscribersAreCalledInOrder(t *testing.T) {
	d := &diary{}
	inJoinedOffice(t, func(o *office) {
		if err := o.try(context.Background(), 1, 2); err != nil {
			o.Error(err)
		}
		o.do(func(ctx context.Context, tx ports.Tx) error {
			if !events.Joined(ctx, events.TypeWalletChanged) || !events.Joined(ctx, events.TypeUserErased) {
				o.Error("the unit has no joined subscriber for a type that one handles")
			}
			return events.Add(ctx, tx, o.ids, now(), 1, events.UserErased{UserID: ben})
		})
		o.quiet()
	}, d.as("first"), d.as("second", events.TypeWalletChanged))
	d.want(t, "first wallet.changed 1", "second wallet.changed 1", "first wallet.changed 2", "second wallet.changed 2", "first user.erased 1")
}

func TestNoFastFormIsKeptFromOtherTypes(t *testing.T) {
	d := &diary{}
	check := func(want bool) func(o *office) {
		return func(o *office) {
			o.do(func(ctx context.Context, _ ports.Tx) error {
				if got := events.Joined(ctx, events.TypeMessageSent); got != want {
					o.Errorf("Joined = %t, want %t", got, want)
				}
				return nil
			})
		}
	}
	inJoinedOffice(t, check(false))
	inJoinedOffice(t, check(false), d.as("diary", events.TypeWalletChanged))
	inJoinedOffice(t, check(true), d.as("diary", events.TypeWalletChanged, events.TypeMessageSent))
}

// The error of a joined subscriber rolls back what a person asked for, and keeps its class.
func TestAJoinedSubscriberRefuses(t *testing.T) {
	full := fault.New(fault.Conflict, "hotel_full", "the hotel is full")
	for name, test := range map[string]struct {
		fail   error
		panics bool
		kind   fault.Kind
	}{
		"a fault":       {fail: fmt.Errorf("book: %w", full), kind: fault.Conflict},
		"another error": {fail: errBroken, kind: fault.Internal},
		"a panic":       {fail: errBroken, panics: true, kind: fault.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			d := &diary{fail: func(e events.Event, _ int) error {
				if e.Seq == 1 {
					return nil
				}
				if test.panics {
					panic(test.fail)
				}
				return test.fail
			}}
			inJoinedOffice(t, func(o *office) {
				err := o.try(context.Background(), 1, 2, 3)
				if fault.KindOf(err) != test.kind || !errors.Is(err, test.fail) || !strings.Contains(err.Error(), "joined subscriber diary") {
					o.Errorf("the unit returned %v", err)
				}
				if n := o.committed(); n != 0 {
					o.Errorf("%d events were committed", n)
				}
				o.quiet()
			}, d.as("diary"))
			d.want(t)
			if len(d.calls) != 2 {
				t.Errorf("called for %q", d.calls)
			}
		})
	}
}

// A joined subscriber is called again if the unit is retried.
func TestAJoinedSubscriberIsRetried(t *testing.T) {
	d := &diary{fail: func(_ events.Event, call int) error {
		if call < 3 {
			return fmt.Errorf("insert: %w", uow.ErrConflict)
		}
		return nil
	}}
	inJoinedOffice(t, func(o *office) {
		if err := o.try(context.Background(), 1); err != nil {
			o.Error(err)
		}
		o.must(2)
		o.quiet()
	}, d.as("diary"))
	d.want(t, "diary wallet.changed 1", "diary wallet.changed 2")
}

func TestAJoinedSubscriberHasLimitedTime(t *testing.T) {
	inJoinedOffice(t, func(o *office) {
		begun := time.Now()
		if err := o.try(context.Background(), 1); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != o.policy.HandleTime {
			o.Errorf("the unit returned %v after %v", err, time.Since(begun))
		}
	}, ports.JoinedSubscriber{Name: "slow", Handle: func(ctx context.Context, _ ports.Tx, _ events.Event) error {
		<-ctx.Done()
		return ctx.Err()
	}})
}

// An act of the system is committed without the subscriber that fails. A relay calls it later: once
// with success, and in order. The other subscribers are called in the unit, and not by the relay.
func TestWhatMustHappenIsNotRefused(t *testing.T) {
	for name, fail := range map[string]func() error{
		"an error":             func() error { return errBroken },
		"a panic":              func() error { panic("torn") },
		"conflicts":            func() error { return uow.ErrConflict },
		"an unreachable store": func() error { return uow.ErrUnreachable },
	} {
		t.Run(name, func(t *testing.T) {
			whole := &diary{}
			torn := &diary{}
			var mended atomic.Bool
			torn.fail = func(events.Event, int) error {
				if mended.Load() {
					return nil
				}
				return fail()
			}
			var all inbox
			inJoinedOffice(t, func(o *office) {
				joined := torn.as("torn").Later()
				stop := o.run(o.relay(all.as("all"), joined, whole.as("whole").Later()))
				defer stop()
				o.must(1, 2)
				whole.want(t, "whole wallet.changed 1", "whole wallet.changed 2")
				torn.want(t)
				o.reported("torn")
				time.Sleep(time.Minute)
				torn.want(t)
				o.reported("subscriber torn: the event event.deferred at position 3 failed 1 times")
				mended.Store(true)
				time.Sleep(10 * time.Minute)
				torn.want(t, "torn wallet.changed 1", "torn wallet.changed 2")
				whole.want(t, "whole wallet.changed 1", "whole wallet.changed 2")
				o.want(&all, 1, 2)
			}, whole.as("whole"), torn.as("torn"))
		})
	}
}

// The deferred event is the original one.
func TestADeferredEvent(t *testing.T) {
	var got []events.Event
	fails := true
	s := ports.JoinedSubscriber{Name: "hotel", Handle: func(_ context.Context, _ ports.Tx, e events.Event) error {
		if got = append(got, e); fails {
			return errBroken
		}
		return nil
	}}
	inJoinedOffice(t, func(o *office) {
		o.must(7)
		fails = false
		var original []events.Numbered
		o.do(func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Events().Number(ctx, 10)
			if err == nil {
				original, err = tx.Events().After(ctx, 0, 1)
			}
			return err
		})
		stop := o.run(o.relay(s.Later())) // the event was committed before the relay saw the subscriber
		defer stop()
		time.Sleep(time.Second)
		if len(got) != 2 || got[1] != original[0].Event {
			o.Errorf("got %+v, want the last to be %+v", got, original)
		}
	}, s)
}

// A relay of other subscribers keeps a deferred event until its own subscriber is there.
func TestADeferredEventIsKept(t *testing.T) {
	d := &diary{fail: func(events.Event, int) error { return errBroken }}
	inJoinedOffice(t, func(o *office) {
		var all inbox
		stop := o.run(o.relay(all.as("all")))
		o.must(1)
		time.Sleep(time.Minute)
		stop()
		d.fail = nil
		stop = o.run(o.relay(d.as("diary").Later()))
		defer stop()
		time.Sleep(time.Minute)
		d.want(t, "diary wallet.changed 1")
	}, d.as("diary"))
}

// An event that is set aside is handled once when an admin lets the relay try it again.
func TestADeferredEventIsSetAside(t *testing.T) {
	d := &diary{fail: func(events.Event, int) error { return errBroken }}
	inJoinedOffice(t, func(o *office) {
		o.must(1)
		stop := o.run(o.relay(d.as("diary").Later()))
		defer stop()
		time.Sleep(time.Hour)
		aside := o.aside()
		if len(aside) != 1 {
			o.Fatalf("set aside: %+v", aside)
		}
		again := func() {
			o.do(func(ctx context.Context, tx ports.Tx) error {
				_, err := tx.Subscriptions().Retry(ctx, aside[0].Place())
				return err
			})
			time.Sleep(time.Minute)
		}
		again()
		d.want(t)
		d.mu.Lock()
		d.fail = nil
		d.mu.Unlock()
		again()
		d.want(t, "diary wallet.changed 1")
		if left := o.aside(); len(left) != 0 {
			o.Errorf("still set aside: %+v", left)
		}
		again()
		d.want(t, "diary wallet.changed 1")
	}, d.as("diary"))
}

// If another process gets the subscription while the subscriber handles an event, what it wrote is
// rolled back, and the other process handles the event.
func TestADeferredEventIsHandledOnce(t *testing.T) {
	d := &diary{fail: func(events.Event, int) error { return errBroken }}
	inJoinedOffice(t, func(o *office) {
		o.must(1)
		d.fail = nil
		thief := d.as("diary")
		stolen := false
		thief.Handle = func(ctx context.Context, tx ports.Tx, e events.Event) error {
			if err := d.handle("thief")(ctx, tx, e); err != nil || stolen {
				return err
			}
			stolen = true
			s := tx.Subscriptions()
			if _, err := s.Switch(ctx, "diary", events.Active, events.Off, now()); err != nil {
				return err
			}
			_, err := s.Begin(ctx, "diary", 0, now())
			return err
		}
		stop := o.run(o.relay(thief.Later()))
		time.Sleep(time.Second)
		stop()
		d.want(t, "thief wallet.changed 1")
		if len(d.calls) != 3 {
			o.Errorf("called for %q, want one failure, one roll-back and one success", d.calls)
		}
	}, d.as("diary"))
}

// What a unit's own code fails with is not the fault of subscribers, and the store's own failure is.
func TestOnlySubscribersAreLeftOut(t *testing.T) {
	d := &diary{}
	inJoinedOffice(t, func(o *office) {
		runs := 0
		err := o.store.Do(events.WithoutRefusal(context.Background()), func(ctx context.Context, tx ports.Tx) error {
			runs++
			if err := events.Add(ctx, tx, o.ids, now(), 1, events.UserErased{UserID: ada}); err != nil {
				return err
			}
			return errBroken
		})
		if !errors.Is(err, errBroken) || runs != 1 || len(d.calls) != 0 {
			o.Errorf("the unit ran %d times, returned %v, and called for %q", runs, err, d.calls)
		}
		o.quiet()

		// An error that a subscriber ignores has ended the unit all the same.
		d.fail = func(events.Event, int) error { return nil }
		o.must(1)
		d.want(t, "diary wallet.changed 1")
		runs = 0
		ignoring := d.as("diary")
		ignoring.Handle = func(ctx context.Context, tx ports.Tx, _ events.Event) error {
			runs++
			e := events.New(o.ids, now(), 1, events.UserErased{UserID: ada})
			_ = errors.Join(tx.Events().Add(ctx, e), tx.Events().Add(ctx, e))
			return nil
		}
		runner, err := events.Join(events.JoinDeps[ports.Tx]{
			Runner: o.storage, Subscribers: []ports.JoinedSubscriber{ignoring}, With: ports.WithEvents, Clock: clock.System(),
			IDs: o.ids, Policy: o.policy, Report: o.report,
		})
		if err != nil {
			o.Fatal(err)
		}
		o.store = ports.NewStore(storageOf{runner, o.storage}, uow.Policy{})
		o.must(2)
		if runs != 1 {
			o.Errorf("called %d times", runs)
		}
		o.reported(`delivered to joined subscribers ["diary"] later`)
	}, d.as("diary"))
}

// Events that a joined subscriber adds are handled later, so that a unit ends.
func TestEventsOfAJoinedSubscriberAreForLater(t *testing.T) {
	d := &diary{also: []events.Data{events.ProfileChanged{UserID: ada}}}
	inJoinedOffice(t, func(o *office) {
		if err := o.try(context.Background(), 1); err != nil {
			o.Error(err)
		}
		d.want(t, "diary wallet.changed 1")
		stop := o.run(o.relay(d.as("diary").Later()))
		defer stop()
		time.Sleep(time.Second)
		d.want(t, "diary wallet.changed 1", "diary profile.changed 2")
		o.quiet()
	}, d.as("diary"))
}

func TestJoinRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		var f fault.Fields
		events.CheckJoined(&f, []ports.JoinedSubscriber{
			d.as("Bad name"), d.as("twin"), d.as("twin"), d.as("plain"), {Name: "empty"}, d.as("typed", events.TypeDeferred),
		}, []events.Subscriber{{Name: "plain"}})
		invalid, _ := errors.AsType[*fault.Error](f.Err())
		var fields []string
		for _, field := range invalid.Fields {
			fields = append(fields, field.Name)
		}
		want := []string{
			"JoinedSubscribers[0].Name", "JoinedSubscribers[2].Name", "JoinedSubscribers[3].Name", "JoinedSubscribers[4].Handle",
			"JoinedSubscribers[5].Types",
		}
		if !slices.Equal(fields, want) {
			t.Errorf("got %q, want %q", fields, want)
		}
		deps := events.JoinDeps[ports.Tx]{Runner: memory.New(), Subscribers: []ports.JoinedSubscriber{d.as("diary")}, Policy: events.DefaultPolicy()}
		if _, err := events.Join(deps); !errors.Is(err, fault.Internal) || !strings.Contains(err.Error(), "Report") {
			t.Errorf("Join = %v without parts", err)
		}
	})
}
