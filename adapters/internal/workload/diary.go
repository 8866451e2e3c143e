package workload

import (
	"context"
	"testing"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// Diary is a table of a host, in the same store. It has a line for each event of a committed unit.
type Diary struct {
	Write func(ctx context.Context, line string) error // in the unit of work of ctx
	Lines func(ctx context.Context) ([]string, error)  // the committed lines
}

// Keep returns a store in which a joined subscriber writes a line into the diary for each event.
func (d Diary) Keep(storage ports.Storage) ports.Storage {
	joined, err := events.Join(events.JoinDeps[ports.Tx]{
		Runner: storage, With: ports.WithEvents, Clock: clock.System(), IDs: id.NewGenerator(nil), Policy: events.DefaultPolicy(),
		Report: func(error) {},
		Subscribers: []ports.JoinedSubscriber{{Name: "diary", Handle: func(ctx context.Context, _ ports.Tx, e events.Event) error {
			return d.Write(ctx, e.ID.String())
		}}},
	})
	if err != nil {
		panic(err) // every part is there
	}
	return keeping{storage, joined}
}

// keeping is a store whose units of work call joined subscribers.
type keeping struct {
	ports.Storage
	joined uow.Runner[ports.Tx]
}

// Run implements uow.Runner.
func (k keeping) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	return k.joined.Run(ctx, mode, fn)
}

// judge fails the test unless the diary has one line for each event that the inbox has, and no other
// one. The inbox has the events of all committed units.
func (d Diary) judge(t testing.TB, b *Inbox) {
	t.Helper()
	lines, err := d.Lines(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	written := map[string]bool{}
	for _, line := range lines {
		if written[line] {
			t.Errorf("the joined subscriber has written %s twice", line)
		}
		written[line] = true
	}
	for event := range b.seen {
		if !written[event.String()] {
			t.Errorf("the event %s was committed without the line of the joined subscriber", event)
		}
		delete(written, event.String())
	}
	for line := range written {
		t.Errorf("the line of the joined subscriber about %s was committed without the event", line)
	}
	if len(lines) == 0 {
		t.Error("the joined subscriber has written nothing")
	}
}
