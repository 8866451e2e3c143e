package events

import (
	"context"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/id"
)

// Aggregate names what an event is about, for example "conversation/" and its id. The events of one
// aggregate are delivered in the order of their Seq.
type Aggregate string

// of returns the aggregate of a kind with these ids.
func of[E any](kind string, ids ...id.ID[E]) Aggregate {
	b := append(make([]byte, 0, usualAggregate), kind...)
	for _, one := range ids {
		b, _ = one.AppendText(append(b, '/')) // it never fails
	}
	return Aggregate(b)
}

// usualAggregate is a size in bytes that most aggregates do not exceed.
const usualAggregate = 64

// Event is a fact that a unit of work has committed. It has ids and facts, but no texts, names or
// addresses: who needs those reads them, and sees what they may see.
type Event struct {
	ID        id.Event
	Type      Type
	Version   int64 // of the form of Data
	Aggregate Aggregate
	Seq       int64 // ascends in an aggregate, with gaps
	At        time.Time
	Data      Data
}

// Numbered is an event with its place in the order in which events are delivered.
type Numbered struct {
	Position int64 // from 1, ascending, with gaps
	Event
}

// New returns an event with the type, version and aggregate of its data. The time is truncated to
// the millisecond.
func New(ids id.Source, at time.Time, seq int64, data Data) Event {
	t, aggregate := data.about()
	return Event{
		ID: id.Event(ids.Next()), Type: t, Version: versions[t], Aggregate: aggregate, Seq: seq,
		At: clock.Truncate(at), Data: data,
	}
}

// With returns the event with another seq, and with other data of its type.
func (e Event) With(seq int64, data Data) Event {
	_, e.Aggregate = data.about()
	e.Seq, e.Data = seq, data
	return e
}

// Add adds a new event in a unit of work. See Repository.Add.
func Add(ctx context.Context, tx Tx, ids id.Source, at time.Time, seq int64, data Data) error {
	e := New(ids, at, seq, data)
	if err := tx.Events().Add(ctx, e); err != nil {
		return fmt.Errorf("add the event %s: %w", e.Type, err)
	}
	return nil
}
