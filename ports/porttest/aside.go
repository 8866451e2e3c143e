package porttest

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/ports"
)

func eventSetAside(f *fixture) {
	all := f.someEvents(2)
	l := f.leased("mail", "a")
	f.guarded("postponed", true, func(ctx context.Context, s events.Subscriptions) (bool, error) {
		return s.Postpone(ctx, l, 4, noon.Add(time.Second))
	})
	e := newAside("mail", all[1].Position)
	f.setAside(l, e)
	want := f.subscription("mail")
	f.same("the position", want.Position, e.Position)
	f.same("the attempts", want.Attempts, 0)
	f.same("the next attempt", want.RetryAt, time.Time{})
	sameList(f, "the events that are set aside", f.aside(events.AsideFilter{}), []events.SetAside{e})
}

// asideKept also resolves the event, after which it goes.
// asideKept sets aside as many events as are trimmed at once, so that none of the first may go.
func asideKept(f *fixture) {
	all := f.someEvents(5)
	l := f.leased("mail", "a")
	for _, e := range all[:2] {
		f.setAside(l, newAside("mail", e.Position))
		l.Position = e.Position
	}
	for _, want := range []int{2, 1, 0} {
		f.same("trimmed", f.trim(all[4].Position, 2), want)
	}
	sameList(f, "the events that remain", f.eventsAfter(0), all[:2])
	f.retry(newAside("mail", l.Position), true)
	f.guarded("resolved", true, func(ctx context.Context, s events.Subscriptions) (bool, error) {
		return s.Resolve(ctx, l, l.Position)
	})
	f.same("trimmed after one is resolved", f.trim(all[4].Position, 2), 1)
}

func (f *fixture) retry(e events.SetAside, want bool) {
	f.Helper()
	f.guarded("marked to be tried again", want, func(ctx context.Context, s events.Subscriptions) (bool, error) {
		return s.Retry(ctx, e.Place())
	})
}

func asideRetried(f *fixture) {
	all := f.someEvents(2)
	l := f.leased("mail", "a")
	e := newAside("mail", all[0].Position)
	f.setAside(l, e)
	l.Position = e.Position
	resolve := func(want bool) {
		f.Helper()
		f.guarded("resolved", want, func(ctx context.Context, s events.Subscriptions) (bool, error) {
			return s.Resolve(ctx, l, e.Position)
		})
	}
	back := func(e events.SetAside, want bool) {
		f.Helper()
		f.guarded("returned", want, func(ctx context.Context, s events.Subscriptions) (bool, error) { return s.Return(ctx, l, e) })
	}
	f.retry(newAside("mail", all[1].Position), false)
	f.retry(newAside("other", e.Position), false)
	resolve(false)
	back(e, false)
	f.retry(e, true)
	f.retry(e, false)
	e.State = events.Retried
	sameList(f, "the event to be tried again", f.aside(events.AsideFilter{State: events.Retried}), []events.SetAside{e})
	e.Attempts, e.Class, e.At, e.State = 6, "refused", noon.Add(time.Hour), events.Waiting
	back(e, true)
	sameList(f, "the event that failed again", f.aside(events.AsideFilter{}), []events.SetAside{e})
	sameList(f, "no event to be tried again", f.aside(events.AsideFilter{State: events.Retried}), nil)
	f.retry(e, true)
	resolve(true)
	resolve(false)
	sameList(f, "the events that are set aside", f.aside(events.AsideFilter{}), nil)
}

func asidePages(f *fixture) {
	each := paged / 3
	all := f.someEvents(each)
	var want []events.SetAside
	for _, name := range []string{"a", "a-b", "b"} {
		l := f.leased(name, "holder")
		for i, e := range all {
			aside := newAside(name, e.Position)
			f.setAside(l, aside)
			l.Position = e.Position
			if i%2 == 0 {
				f.retry(aside, true)
				aside.State = events.Retried
			}
			want = append(want, aside)
		}
	}
	for what, filtered := range map[string]events.AsideFilter{
		"all": {}, "of one": {Subscriber: "a"}, "waiting": {State: events.Waiting},
		"of one, to be tried again": {Subscriber: "b", State: events.Retried}, "of none": {Subscriber: "c"},
	} {
		pages(f, "events that are set aside: "+what, filter(want, filtered.Matches), events.SetAside.Place,
			func(ctx context.Context, tx ports.Tx, after *events.AsidePlace, limit int) ([]events.SetAside, error) {
				return tx.Subscriptions().Aside(ctx, filtered, after, limit)
			})
	}
}

func switched(f *fixture) {
	f.leased("mail", "a")
	to := func(from, to events.State, want bool) {
		f.Helper()
		f.guarded("switched from "+string(from), want, func(ctx context.Context, s events.Subscriptions) (bool, error) {
			return s.Switch(ctx, "mail", from, to, noon.Add(time.Hour))
		})
	}
	to(events.Off, events.Behind, false)
	to(events.Active, events.Behind, true)
	to(events.Active, events.Off, false)
	want := events.Subscription{Name: "mail", State: events.Behind, Since: noon.Add(time.Hour)}
	f.same("the subscription", f.subscription("mail"), want)
	if _, leased := f.lease("mail", "a", noon); leased {
		f.Errorf("a subscription that is switched off is leased")
	}
	f.guarded("switched an unknown one", false, func(ctx context.Context, s events.Subscriptions) (bool, error) {
		return s.Switch(ctx, "unknown", events.Active, events.Off, noon)
	})
}

func begun(f *fixture) {
	l := f.leased("mail", "a")
	f.guarded("postponed", true, func(ctx context.Context, s events.Subscriptions) (bool, error) {
		return s.Postpone(ctx, l, 4, noon.Add(time.Second))
	})
	begin := func(name string, want bool) {
		f.Helper()
		f.guarded("begun", want, func(ctx context.Context, s events.Subscriptions) (bool, error) {
			return s.Begin(ctx, name, 3, noon.Add(2*time.Hour))
		})
	}
	begin("unknown", false)
	begin("mail", false)
	for _, off := range []events.State{events.Off, events.Behind} {
		f.guarded("switched", true, func(ctx context.Context, s events.Subscriptions) (bool, error) {
			return s.Switch(ctx, "mail", events.Active, off, noon)
		})
		begin("mail", true)
		f.same("the subscription", f.subscription("mail"), events.Subscription{
			Name: "mail", Position: 3, State: events.Active, Since: noon.Add(2 * time.Hour),
		})
	}
}

func subscriptionDropped(f *fixture) {
	all := f.someEvents(1)
	for _, name := range []string{"mail", "mail-2"} {
		f.setAside(f.leased(name, "a"), newAside(name, all[0].Position))
	}
	for range 2 {
		f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Subscriptions().Drop(ctx, "mail") })
	}
	f.same("the subscriptions", len(f.subscriptions()), 1)
	sameList(f, "the events that are set aside", f.aside(events.AsideFilter{}), []events.SetAside{newAside("mail-2", all[0].Position)})
}

func subscriptionFields(f *fixture, fl *filler) {
	s := filled[events.Subscription](f, fl)
	f.guarded("added", true, func(ctx context.Context, tx events.Subscriptions) (bool, error) { return tx.Subscribe(ctx, s) })
	read := func(method string, call func(ctx context.Context, tx ports.Tx) (events.Subscription, error)) {
		readsBack(f, "events.Subscriptions."+method, s, call)
	}
	read("Subscription", func(ctx context.Context, tx ports.Tx) (events.Subscription, error) {
		return tx.Subscriptions().Subscription(ctx, s.Name)
	})
	listsBack(f, "events.Subscriptions.List", s, func(other events.Subscription) bool { return other.Name == s.Name },
		func(ctx context.Context, tx ports.Tx) ([]events.Subscription, error) {
			return tx.Subscriptions().List(ctx, "", 100)
		})
	s.Holder, s.HeldUntil = "another", s.HeldUntil.Add(time.Hour)
	read("Lease", func(ctx context.Context, tx ports.Tx) (events.Subscription, error) {
		leased, _, err := tx.Subscriptions().Lease(ctx, s.Name, s.Holder, s.HeldUntil.Add(-time.Minute), s.HeldUntil)
		return leased, err
	})
	e := filled[events.SetAside](f, fl)
	e.Subscriber, e.Position = s.Name, f.someEvents(1)[0].Position
	f.setAside(s.Leased(), e)
	listsBack(f, "events.Subscriptions.Aside", e, func(other events.SetAside) bool { return other.Place() == e.Place() },
		func(ctx context.Context, tx ports.Tx) ([]events.SetAside, error) {
			return tx.Subscriptions().Aside(ctx, events.AsideFilter{}, nil, 100)
		})
}
