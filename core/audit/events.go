package audit

import (
	"context"
	"strings"
)

// checkEvents checks the events with a position, which come in its order, and then the others.
func (a *audit) checkEvents(ctx context.Context) error {
	var highest int64
	err := a.each(ctx, "counters", func(r record) {
		if r.text("name") == "events" {
			highest = r.int("value")
		}
	})
	if err != nil {
		return err
	}
	aside := map[int64]bool{} // the positions that are set aside, and whether the event exists
	if err := a.each(ctx, "set_aside_events", func(r record) { aside[r.int("position")] = false }); err != nil {
		return err
	}
	last := map[string]int64{} // the seq of the last event of each aggregate
	err = a.each(ctx, "events", func(r record) {
		position := r.int("position")
		if _, is := aside[position]; is {
			aside[position] = true
		}
		if position > highest {
			a.broken("event_position", r.id("id"), "the position is %d, and the highest one that was given is %d", position, highest)
		}
		a.follows(r, last)
	})
	if err != nil {
		return err
	}
	err = a.each(ctx, "outbox", func(r record) { a.follows(r, last) }) // in the order of aggregate and seq
	if err != nil {
		return err
	}
	err = a.each(ctx, "subscriptions", func(r record) {
		name := r.text("name")
		a.subscribers[name] = true
		if r.int("position") > highest {
			a.brokenBy("subscription", name, "it is at the position %d, and the highest one is %d", r.int("position"), highest)
		}
		if (r.text("holder") == "") != r.time("held_until").IsZero() {
			a.brokenBy("subscription", name, "its lease has no holder or no end")
		}
	})
	if err != nil {
		return err
	}
	return a.each(ctx, "set_aside_events", func(r record) {
		if name := r.text("subscriber"); !a.subscribers[name] || !aside[r.int("position")] {
			a.brokenBy("reference", name, "it has set aside the event %d; one of the two does not exist", r.int("position"))
		}
	})
}

// follows adds a violation unless the seq of an event is above that of the last one of its aggregate.
// Messages from before their times ascended may have one time, and so may be read with one seq.
func (a *audit) follows(r record, last map[string]int64) {
	aggregate, seq := r.text("aggregate"), r.int("seq")
	before, found := last[aggregate]
	if last[aggregate] = seq; !found {
		return
	}
	if seq < before || seq == before && !strings.Contains(aggregate, "reading/") {
		a.broken("event_seq", r.id("id"), "the event %d of %s comes after the event %d", seq, aggregate, before)
	}
}
