package porttest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/ports"
)

// subscriptionTests tests how far subscribers are, and what they could not handle.
var subscriptionTests = []test{
	{"a subscription is added once", subscribedOnce},
	{"pages of subscriptions hold each once", subscriptionPages},
	{"one process at a time has a lease", leases},
	{"of concurrent processes, one gets a lease", leaseRace},
	{"only the holder of a lease moves a subscription", guardedByLease},
	{"a subscription moves from a position once", advancedOnce},
	{"an event is set aside with the position", eventSetAside},
	{"an event that is set aside is not trimmed", asideKept},
	{"an event that is set aside is tried again once", asideRetried},
	{"pages of events that are set aside hold each once", asidePages},
	{"a subscription is switched from a state once", switched},
	{"a subscription that is not active begins at a position", begun},
	{"a subscription is dropped with what it has set aside", subscriptionDropped},
}

func (f *fixture) subscribe(name string) events.Subscription {
	f.Helper()
	s := events.Subscription{Name: name, State: events.Active, Since: noon}
	f.same("added", write(f, func(ctx context.Context, tx ports.Tx) (bool, error) {
		return tx.Subscriptions().Subscribe(ctx, s)
	}), true)
	return s
}

func (f *fixture) subscription(name string) events.Subscription {
	f.Helper()
	return read(f, func(ctx context.Context, tx ports.Tx) (events.Subscription, error) {
		return tx.Subscriptions().Subscription(ctx, name)
	})
}

// lease leases a subscription for a minute, and returns what the store returned.
func (f *fixture) lease(name, holder string, now time.Time) (s events.Subscription, leased bool) {
	f.Helper()
	f.do(func(ctx context.Context, tx ports.Tx) (err error) {
		s, leased, err = tx.Subscriptions().Lease(ctx, name, holder, now, now.Add(time.Minute))
		return err
	})
	return s, leased
}

// leased subscribes, and leases the subscription.
func (f *fixture) leased(name, holder string) events.Lease {
	f.Helper()
	f.subscribe(name)
	s, leased := f.lease(name, holder, noon)
	f.same("leased", leased, true)
	return s.Leased()
}

// guarded makes a call of a method that reports whether its guard let it change something.
func (f *fixture) guarded(what string, want bool, call func(ctx context.Context, tx events.Subscriptions) (bool, error)) {
	f.Helper()
	f.same(what, write(f, func(ctx context.Context, tx ports.Tx) (bool, error) { return call(ctx, tx.Subscriptions()) }), want)
}

func (f *fixture) advance(l events.Lease, to int64, want bool) {
	f.Helper()
	f.guarded(fmt.Sprintf("%+v advanced to %d", l, to), want, func(ctx context.Context, s events.Subscriptions) (bool, error) {
		return s.Advance(ctx, l, to)
	})
}

func (f *fixture) aside(filter events.AsideFilter) []events.SetAside {
	f.Helper()
	return read(f, func(ctx context.Context, tx ports.Tx) ([]events.SetAside, error) {
		return tx.Subscriptions().Aside(ctx, filter, nil, 100)
	})
}

func newAside(subscriber string, position int64) events.SetAside {
	return events.SetAside{
		Subscriber: subscriber, Position: position, Attempts: 5, Class: "timeout", At: noon, State: events.Waiting,
	}
}

func (f *fixture) setAside(l events.Lease, e events.SetAside) {
	f.Helper()
	f.guarded("set aside", true, func(ctx context.Context, s events.Subscriptions) (bool, error) {
		return s.SetAside(ctx, l, e)
	})
}

func subscribedOnce(f *fixture) {
	s := f.subscribe("mail")
	again := s
	again.Position, again.Since = 7, noon.Add(time.Hour)
	f.guarded("added again", false, func(ctx context.Context, tx events.Subscriptions) (bool, error) {
		return tx.Subscribe(ctx, again)
	})
	f.same("the subscription", f.subscription("mail"), s)
	var added atomic.Int32
	f.allConcurrently(8, func(i int) error {
		return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) error {
			created, err := tx.Subscriptions().Subscribe(ctx, events.Subscription{
				Name: "race", Position: int64(i), State: events.Active, Since: noon,
			})
			if created {
				added.Add(1)
			}
			return err
		})
	})
	if f.same("the subscriptions", len(f.subscriptions()), 2); added.Load() == 0 {
		f.Errorf("no unit added the subscription")
	}
}

func (f *fixture) subscriptions() []events.Subscription {
	f.Helper()
	return read(f, func(ctx context.Context, tx ports.Tx) ([]events.Subscription, error) {
		return tx.Subscriptions().List(ctx, "", 1000)
	})
}

func subscriptionPages(f *fixture) {
	var all []events.Subscription
	for i := range paged {
		all = append(all, f.subscribe(fmt.Sprintf("%c-%d", 'a'+i*7%26, i)))
	}
	slices.SortFunc(all, func(a, b events.Subscription) int { return strings.Compare(a.Name, b.Name) })
	pages(f, "subscriptions", all, func(s events.Subscription) string { return s.Name },
		func(ctx context.Context, tx ports.Tx, after *string, limit int) ([]events.Subscription, error) {
			if after == nil {
				after = new(string)
			}
			return tx.Subscriptions().List(ctx, *after, limit)
		})
}

func leases(f *fixture) {
	want := f.subscribe("mail")
	for _, try := range []struct {
		holder string
		at     time.Duration
		want   bool
	}{
		{"a", 0, true}, {"b", 0, false}, {"b", time.Minute - time.Millisecond, false}, {"a", 30 * time.Second, true},
		{"b", time.Minute, false}, {"b", 90 * time.Second, true}, {"a", 91 * time.Second, false},
	} {
		now := noon.Add(try.at)
		if try.want {
			want.Holder, want.HeldUntil = try.holder, now.Add(time.Minute)
		}
		s, leased := f.lease("mail", try.holder, now)
		f.same(fmt.Sprintf("%s leased after %v", try.holder, try.at), leased, try.want)
		f.same("the subscription", f.subscription("mail"), want)
		if leased {
			f.same("the subscription that was returned", s, want)
		}
	}
	release := func(holder string, want bool) {
		f.guarded(holder+" released", want, func(ctx context.Context, s events.Subscriptions) (bool, error) {
			return s.Release(ctx, events.Lease{Name: "mail", Holder: holder})
		})
	}
	release("a", false)
	release("b", true)
	want.Holder, want.HeldUntil = "", time.Time{}
	f.same("the subscription after its release", f.subscription("mail"), want)
	if _, leased := f.lease("mail", "a", noon); !leased {
		f.Errorf("a subscription whose lease was released is not leased")
	}
}

func leaseRace(f *fixture) {
	for n := range rounds(3, 60) {
		name := fmt.Sprint("s", n)
		f.subscribe(name)
		var holders atomic.Int32
		f.allConcurrently(6, func(i int) error {
			got := false
			err := f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) (err error) {
				_, got, err = tx.Subscriptions().Lease(ctx, name, fmt.Sprint("holder", i), noon, noon.Add(time.Minute))
				return err
			})
			if err == nil && got {
				holders.Add(1)
			}
			return err
		})
		f.same("the processes with a lease", holders.Load(), 1)
	}
}

// guardedByLease calls each guarded method with a lease that another process has, at another
// position, and of a subscription that is not active.
func guardedByLease(f *fixture) {
	all := f.someEvents(4)
	held := f.leased("mail", "a")
	f.setAside(held, newAside("mail", all[0].Position))
	held.Position = all[0].Position
	f.guarded("retried", true, func(ctx context.Context, s events.Subscriptions) (bool, error) {
		return s.Retry(ctx, newAside("mail", all[0].Position).Place())
	})
	calls := map[string]func(l events.Lease) func(ctx context.Context, s events.Subscriptions) (bool, error){
		"Release": func(l events.Lease) func(ctx context.Context, s events.Subscriptions) (bool, error) {
			return func(ctx context.Context, s events.Subscriptions) (bool, error) { return s.Release(ctx, l) }
		},
		"Advance": func(l events.Lease) func(ctx context.Context, s events.Subscriptions) (bool, error) {
			return func(ctx context.Context, s events.Subscriptions) (bool, error) {
				return s.Advance(ctx, l, all[1].Position)
			}
		},
		"Postpone": func(l events.Lease) func(ctx context.Context, s events.Subscriptions) (bool, error) {
			return func(ctx context.Context, s events.Subscriptions) (bool, error) { return s.Postpone(ctx, l, 3, noon) }
		},
		"SetAside": func(l events.Lease) func(ctx context.Context, s events.Subscriptions) (bool, error) {
			return func(ctx context.Context, s events.Subscriptions) (bool, error) {
				return s.SetAside(ctx, l, newAside("mail", all[1].Position))
			}
		},
		"Return": func(l events.Lease) func(ctx context.Context, s events.Subscriptions) (bool, error) {
			return func(ctx context.Context, s events.Subscriptions) (bool, error) {
				return s.Return(ctx, l, newAside("mail", all[0].Position))
			}
		},
		"Resolve": func(l events.Lease) func(ctx context.Context, s events.Subscriptions) (bool, error) {
			return func(ctx context.Context, s events.Subscriptions) (bool, error) {
				return s.Resolve(ctx, l, all[0].Position)
			}
		},
	}
	refused := func(why string, l events.Lease) {
		before := f.dump()
		for method, call := range calls {
			f.guarded(method+" "+why, false, call(l))
		}
		f.unchanged("calls "+why, before)
	}
	refused("by another process", events.Lease{Name: "mail", Holder: "b", Position: held.Position})
	refused("at another position", events.Lease{Name: "mail", Holder: "a", Position: held.Position + 1})
	refused("without a holder", events.Lease{Name: "mail", Position: held.Position})
	refused("of an unknown subscription", events.Lease{Name: "other", Holder: "a", Position: held.Position})
	if _, leased := f.lease("mail", "b", noon.Add(time.Hour)); !leased {
		f.Errorf("a lease that has ended is not taken")
	}
	refused("whose lease another has taken", held)
	held.Holder = "b"
	f.guarded("switched", true, func(ctx context.Context, s events.Subscriptions) (bool, error) {
		return s.Switch(ctx, "mail", events.Active, events.Off, noon)
	})
	refused("of a subscription that is off", held)
}

func advancedOnce(f *fixture) {
	l := f.leased("mail", "a")
	f.guarded("postponed", true, func(ctx context.Context, s events.Subscriptions) (bool, error) {
		return s.Postpone(ctx, l, 3, noon.Add(time.Second))
	})
	want := f.subscription("mail")
	f.same("the attempts", want.Attempts, 3)
	f.same("the next attempt", want.RetryAt, noon.Add(time.Second))
	f.advance(l, 5, true)
	want.Position, want.Attempts, want.RetryAt = 5, 0, time.Time{}
	f.same("the subscription", f.subscription("mail"), want)
	f.advance(l, 6, false)
	l.Position = 5
	var advanced atomic.Int32
	f.allConcurrently(6, func(i int) error {
		done := false
		err := f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) (err error) {
			done, err = tx.Subscriptions().Advance(ctx, l, int64(10+i))
			return err
		})
		if done && err == nil {
			advanced.Add(1)
		}
		return err
	})
	f.same("the units that advanced", advanced.Load(), 1)
}
