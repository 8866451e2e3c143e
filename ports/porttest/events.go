package porttest

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// eventTests tests the outbox, and the order in which events are numbered.
var eventTests = []test{
	{"events get positions in the order in which they were added", eventsNumbered},
	{"the events of a large unit are numbered in parts", largeUnit},
	{"a unit sees the events that it has added", eventsInUnit},
	{"an event of a unit that failed is not numbered", eventsRolledBack},
	{"no position is given twice, also after all events are gone", positionsAscend},
	{"an event that waits is numbered before many that were added later", noEventStarves},
	{"pages of events hold each once", eventPages},
	{"events are found by their positions", eventsAt},
	{"events are trimmed up to a position, the lowest first", eventsTrimmed},
	{"the backlog is the highest position and the oldest event", eventBacklog},
	{"an event that is committed late is not missed", lateEvent},
	{"concurrent units, numberings and readers lose no event", eventsConcurrently},
}

// newEvent returns an event of an account.
func (f *fixture) newEvent(user id.User, seq int64) events.Event {
	return events.New(f.ids, noon.Add(time.Duration(seq)*time.Second), seq, events.ProfileChanged{UserID: user})
}

func (f *fixture) addEvents(all ...events.Event) {
	f.Helper()
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Events().Add(ctx, all...) })
}

func (f *fixture) number(limit int) int {
	f.Helper()
	return write(f, func(ctx context.Context, tx ports.Tx) (int, error) { return tx.Events().Number(ctx, limit) })
}

func (f *fixture) eventsAfter(position int64) []events.Numbered {
	f.Helper()
	return read(f, func(ctx context.Context, tx ports.Tx) ([]events.Numbered, error) {
		return tx.Events().After(ctx, position, 1000)
	})
}

// numbered fails the test unless the events after a position are these, in this order, with
// ascending positions. It returns them.
func (f *fixture) numbered(what string, after int64, want ...events.Event) []events.Numbered {
	f.Helper()
	found := f.eventsAfter(after)
	var got []events.Event
	last := after
	for _, e := range found {
		if e.Position <= last {
			f.Errorf("%s: the position %d comes after %d", what, e.Position, last)
		}
		last = e.Position
		got = append(got, e.Event)
	}
	sameList(f, what, got, want)
	return found
}

func (f *fixture) trim(upTo int64, limit int) int {
	f.Helper()
	return write(f, func(ctx context.Context, tx ports.Tx) (int, error) { return tx.Events().Trim(ctx, upTo, limit) })
}

// someEvents adds n events of as many accounts, and numbers them.
func (f *fixture) someEvents(n int) []events.Numbered {
	f.Helper()
	before := f.backlog().Highest
	for range n {
		f.addEvents(f.newEvent(id.User(f.ids.Next()), 1))
		f.same("numbered", f.number(10), 1)
	}
	return f.eventsAfter(before)
}

func (f *fixture) backlog() events.Backlog {
	f.Helper()
	return read(f, func(ctx context.Context, tx ports.Tx) (events.Backlog, error) { return tx.Events().Backlog(ctx) })
}

// eventsNumbered also adds events of one aggregate whose ids and times do not ascend, as those of
// servers whose clocks differ.
func eventsNumbered(f *fixture) {
	ada, ben := id.User(f.ids.Next()), id.User(f.ids.Next())
	f.same("numbered of none", f.number(10), 0)
	late, early := f.newEvent(ada, 4), f.newEvent(ada, 5)
	late.ID, early.ID = early.ID, late.ID
	late.At, early.At = early.At, late.At
	all := []events.Event{f.newEvent(ada, 1), f.newEvent(ben, 1), f.newEvent(ada, 3), late, early, f.newEvent(ben, 7)}
	f.addEvents(all[:2]...)
	for _, e := range all[2:] {
		f.addEvents(e)
	}
	f.numbered("before they are numbered", 0)
	var got []events.Event
	for range all {
		f.same("numbered with the limit 1", f.number(1), 1)
	}
	f.same("numbered again", f.number(10), 0)
	for _, e := range f.eventsAfter(0) {
		got = append(got, e.Event)
	}
	for _, user := range []id.User{ada, ben} {
		of := func(e events.Event) bool { return e.Aggregate == f.newEvent(user, 1).Aggregate }
		sameList(f, "the events of an aggregate", filter(got, of), filter(all, of))
	}
	f.same("the number of events", len(got), len(all))
}

func eventsRolledBack(f *fixture) {
	kept, lost := f.newEvent(id.User(f.ids.Next()), 1), f.newEvent(id.User(f.ids.Next()), 1)
	f.addEvents(kept)
	err := f.try(func(ctx context.Context, tx ports.Tx) error {
		if err := tx.Events().Add(ctx, lost); err != nil {
			return err
		}
		return errBoom
	})
	f.same("the error of the unit", err, errBoom)
	err = f.try(func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Events().Number(ctx, 10); err != nil {
			return err
		}
		return errBoom
	})
	f.same("the error of the numbering", err, errBoom)
	f.numbered("after a numbering that failed", 0)
	f.same("numbered", f.number(10), 1)
	f.numbered("after the numbering", 0, kept)
}

func positionsAscend(f *fixture) {
	f.same("numbered with the limit 0", f.number(0), 0)
	last := int64(0)
	for range 3 {
		e := f.newEvent(id.User(f.ids.Next()), 1)
		f.addEvents(e)
		f.same("numbered", f.number(10), 1)
		found := f.numbered("the events", last, e)
		if len(found) == 0 {
			return
		}
		last = found[0].Position
		f.same("the highest position", f.backlog().Highest, last)
		f.same("trimmed", f.trim(last, 10), 1)
		f.numbered("after they are trimmed", 0)
	}
}

// noEventStarves numbers fewer events than are added meanwhile.
func noEventStarves(f *fixture) {
	first := f.newEvent(id.User(f.ids.Next()), 1)
	f.addEvents(first)
	for range 5 {
		f.addEvents(f.newEvent(id.User{1}, 1), f.newEvent(id.User{15: 0xff, 0: 0xff}, 1))
		f.number(1)
	}
	for _, e := range f.eventsAfter(0) {
		if e.ID == first.ID {
			return
		}
	}
	f.Errorf("the first of 11 events is not among the %d that are numbered", len(f.eventsAfter(0)))
}

func eventPages(f *fixture) {
	all := f.someEvents(paged)
	f.same("the number of events", len(all), paged)
	pages(f, "events", all, func(e events.Numbered) int64 { return e.Position },
		func(ctx context.Context, tx ports.Tx, after *int64, limit int) ([]events.Numbered, error) {
			if after == nil {
				after = new(int64)
			}
			return tx.Events().After(ctx, *after, limit)
		})
}

func eventsAt(f *fixture) {
	all := f.someEvents(4)
	at := func(positions ...int64) []events.Numbered {
		return read(f, func(ctx context.Context, tx ports.Tx) ([]events.Numbered, error) {
			return tx.Events().At(ctx, positions...)
		})
	}
	a, b := all[1], all[3]
	sameList(f, "two events", at(b.Position, a.Position, b.Position+1000, a.Position), []events.Numbered{a, b})
	sameList(f, "no events", at(), nil)
}

func eventsTrimmed(f *fixture) {
	all := f.someEvents(6)
	f.same("trimmed with the limit 0", f.trim(all[5].Position, 0), 0)
	for _, want := range []int{2, 2, 0} {
		f.same("trimmed", f.trim(all[3].Position, 2), want)
	}
	sameList(f, "the events that remain", f.eventsAfter(0), all[4:])
	f.addEvents(f.newEvent(id.User(f.ids.Next()), 1))
	f.same("trimmed of all", f.trim(all[5].Position+1000, 10), 2)
	f.same("an event without a position is kept: numbered", f.number(10), 1)
}

func eventBacklog(f *fixture) {
	f.same("the backlog of an empty store", f.backlog(), events.Backlog{})
	ada := id.User(f.ids.Next())
	older, newer := f.newEvent(ada, 1), f.newEvent(ada, 2)
	f.addEvents(older)
	f.addEvents(newer)
	f.same("the backlog of two events", f.backlog(), events.Backlog{Oldest: older.At})
	f.number(1)
	found := f.numbered("the first event", 0, older)
	f.same("the backlog of one event", f.backlog(), events.Backlog{Highest: found[0].Position, Oldest: newer.At})
	f.number(1)
	last := f.eventsAfter(found[0].Position)[0].Position
	f.same("the backlog of none", f.backlog(), events.Backlog{Highest: last})
}

// reader reads events as a subscriber does: it remembers the position of the last one.
type reader struct {
	position int64
	seen     []events.Event
}

func (r *reader) readOn(ctx context.Context, store *ports.Store) error {
	return store.View(ctx, func(ctx context.Context, tx ports.Tx) error {
		found, err := tx.Events().After(ctx, r.position, 1000)
		if err != nil {
			return err
		}
		for _, e := range found {
			if e.Position <= r.position {
				return fmt.Errorf("the position %d comes after %d", e.Position, r.position)
			}
			r.position, r.seen = e.Position, append(r.seen, e.Event)
		}
		return nil
	})
}

func (f *fixture) numberAndRead(r *reader) error {
	err := f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Events().Number(ctx, 1000)
		return err
	})
	if err != nil {
		return err
	}
	return r.readOn(f.ctx, f.store)
}

// lateEvent commits one unit while another, which added its event before, is under way. A store
// that runs one unit at a time commits it later.
func lateEvent(f *fixture) {
	for range rounds(5, 100) {
		early, late := f.newEvent(id.User(f.ids.Next()), 1), f.newEvent(id.User(f.ids.Next()), 1)
		var r reader
		r.position = f.backlog().Highest
		var overtaking *task
		f.do(func(ctx context.Context, tx ports.Tx) error {
			if err := tx.Events().Add(ctx, late); err != nil {
				return err
			}
			if _, err := tx.Events().Backlog(ctx); err != nil { // a store sends what it has deferred
				return err
			}
			if overtaking == nil {
				overtaking = inBackground(func() error {
					err := f.try(func(ctx context.Context, tx ports.Tx) error { return tx.Events().Add(ctx, early) })
					if err != nil {
						return err
					}
					return f.numberAndRead(&r)
				})
				overtaking.endsSoon()
			}
			return nil
		})
		if err := overtaking.wait(f.ctx); err != nil {
			f.Fatalf("the unit that overtakes: %v", err)
		}
		if err := f.numberAndRead(&r); err != nil {
			f.Fatal(err)
		}
		byID := func(a, b events.Event) int { return a.ID.Compare(b.ID) }
		slices.SortFunc(r.seen, byID)
		sameList(f, "the events that a reader has seen", r.seen, []events.Event{early, late})
	}
}

// eventsConcurrently has units of few accounts that take different times, two that number, and a
// reader beside them.
func eventsConcurrently(f *fixture) {
	people := []users.User{f.account("ada"), f.account("ben"), f.account("cleo")}
	each := rounds(15, 300)
	var r reader
	var working atomic.Int32
	working.Store(6)
	f.allConcurrently(9, func(i int) error {
		if i >= 6 {
			for working.Load() > 0 {
				if i == 8 {
					if err := r.readOn(f.ctx, f.store); err != nil {
						return err
					}
				} else if _, err := f.numberSome(4); err != nil {
					return err
				}
				time.Sleep(time.Millisecond)
			}
			return nil
		}
		defer working.Add(-1)
		for n := range each {
			err := f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) error {
				u, err := tx.Users().Hold(ctx, people[(i+n)%3].ID)
				if err != nil {
					return err
				}
				if err := tx.Users().Save(ctx, u); err != nil {
					return err
				}
				if err := tx.Events().Add(ctx, f.newEvent(u.ID, u.Version+1)); err != nil {
					return err
				}
				time.Sleep(time.Duration((i+n)%3) * 200 * time.Microsecond)
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	for f.number(100) > 0 {
	}
	if err := r.readOn(f.ctx, f.store); err != nil {
		f.Fatal(err)
	}
	last := map[events.Aggregate]int64{}
	for _, e := range r.seen {
		if e.Seq != last[e.Aggregate]+1 && last[e.Aggregate] > 0 {
			f.Errorf("a reader saw the seq %d of %s after %d", e.Seq, e.Aggregate, last[e.Aggregate])
		}
		last[e.Aggregate] = e.Seq
	}
	f.same("the events that a reader has seen", len(r.seen), 6*each)
}

func (f *fixture) numberSome(limit int) (n int, err error) {
	err = f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		n, err = tx.Events().Number(ctx, limit)
		return err
	})
	return n, err
}

func eventFields(f *fixture, fl *filler) {
	e := filled[events.Event](f, fl)
	e.Version = 1
	f.addEvents(e)
	before := f.backlog().Highest
	f.number(1)
	want := events.Numbered{Position: before + 1, Event: e}
	is := func(other events.Numbered) bool { return other.ID == e.ID }
	listsBack(f, "events.Repository.After", want, is, func(ctx context.Context, tx ports.Tx) ([]events.Numbered, error) {
		return tx.Events().After(ctx, before, 10)
	})
	listsBack(f, "events.Repository.At", want, is, func(ctx context.Context, tx ports.Tx) ([]events.Numbered, error) {
		return tx.Events().At(ctx, before+1)
	})
}
