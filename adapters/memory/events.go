package memory

import (
	"context"
	"slices"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/ports"
)

type eventTables struct {
	outbox        tree[*waiting]             // aggregate, seq, id
	arrivals      tree[*waiting]             // arrival
	events        tree[*events.Numbered]     // position
	counters      tree[ports.Counter]        // name
	subscriptions tree[*events.Subscription] // name
	asides        tree[*events.SetAside]     // subscriber, position
	asidesOf      tree[*events.SetAside]     // position, subscriber
	asidesIn      tree[*events.SetAside]     // state, subscriber, position
}

// waiting is an event in the outbox. Events arrive in the order in which units are committed,
// because one unit writes at a time.
type waiting struct {
	events.Event
	arrival int64
}

func (t *eventTables) copy() eventTables {
	return eventTables{
		outbox: t.outbox.copy(), arrivals: t.arrivals.copy(), events: t.events.copy(), counters: t.counters.copy(),
		subscriptions: t.subscriptions.copy(), asides: t.asides.copy(), asidesOf: t.asidesOf.copy(), asidesIn: t.asidesIn.copy(),
	}
}

func outboxKey(e *events.Event) string {
	return textKey(string(e.Aggregate)) + intKey(e.Seq) + idKey(e.ID)
}

func (t *eventTables) addWaiting(e events.Event) error {
	w := &waiting{Event: e, arrival: 1}
	if t.outbox.has(outboxKey(&e)) {
		return taken("an event")
	}
	for _, last := range t.arrivals.descend("", "") {
		w.arrival = last.arrival + 1
		break
	}
	t.outbox.put(outboxKey(&e), w)
	t.arrivals.put(intKey(w.arrival), w)
	return nil
}

func (t *eventTables) addNumbered(e events.Numbered) error {
	switch key := intKey(e.Position); {
	case t.events.has(key):
		return taken("the position of an event")
	case e.Position < 1:
		return broken("the position of an event must be at least 1")
	default:
		t.events.put(key, &e)
		return nil
	}
}

func (t *eventTables) addCounter(c ports.Counter) error {
	if t.counters.has(textKey(c.Name)) {
		return taken("a counter")
	}
	t.counters.put(textKey(c.Name), c)
	return nil
}

type eventsRepository struct{ *unit }

func (repo eventsRepository) Add(ctx context.Context, added ...events.Event) error {
	return repo.write(ctx, func(s *state) error {
		for _, e := range added {
			if err := s.addWaiting(e); err != nil {
				return err
			}
		}
		return nil
	})
}

func (repo eventsRepository) Number(ctx context.Context, limit int) (n int, err error) {
	err = repo.write(ctx, func(s *state) error {
		var next []*waiting
		for _, w := range s.arrivals.ascend("", "") {
			if len(next) >= limit {
				break
			}
			next = append(next, w)
		}
		if n = len(next); n == 0 {
			return nil
		}
		counter, _ := s.counters.get(textKey(ports.EventCounter))
		counter.Name = ports.EventCounter
		for _, w := range next {
			s.outbox.drop(outboxKey(&w.Event))
			s.arrivals.drop(intKey(w.arrival))
			counter.Value++
			if err := s.addNumbered(events.Numbered{Position: counter.Value, Event: w.Event}); err != nil {
				return err
			}
		}
		s.counters.put(textKey(ports.EventCounter), counter)
		return nil
	})
	return n, err
}

func (repo eventsRepository) After(ctx context.Context, position int64, limit int) (page []events.Numbered, err error) {
	err = repo.read(ctx, func(s *state) error {
		for _, e := range s.events.ascend("", intKey(position)) {
			if len(page) >= limit {
				break
			}
			page = append(page, *e)
		}
		return nil
	})
	return page, err
}

func (repo eventsRepository) At(ctx context.Context, positions ...int64) (found []events.Numbered, err error) {
	err = repo.read(ctx, func(s *state) error {
		positions = slices.Compact(slices.Sorted(slices.Values(positions)))
		for _, position := range positions {
			if e, there := s.events.get(intKey(position)); there {
				found = append(found, *e)
			}
		}
		return nil
	})
	return found, err
}

func (repo eventsRepository) Trim(ctx context.Context, upTo int64, limit int) (trimmed int, err error) {
	err = repo.write(ctx, func(s *state) error {
		var gone []string
		for key, e := range s.events.ascend("", "") {
			if len(gone) >= limit || e.Position > upTo {
				break
			}
			if !s.isAside(e.Position) {
				gone = append(gone, key)
			}
		}
		for _, key := range gone {
			s.events.drop(key)
		}
		trimmed = len(gone)
		return nil
	})
	return trimmed, err
}

func (repo eventsRepository) Backlog(ctx context.Context) (b events.Backlog, err error) {
	err = repo.read(ctx, func(s *state) error {
		counter, _ := s.counters.get(textKey(ports.EventCounter))
		b.Highest = counter.Value
		for _, w := range s.arrivals.ascend("", "") {
			b.Oldest = w.At
			break
		}
		return nil
	})
	return b, err
}
