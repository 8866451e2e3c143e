package wired

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
)

// Diary is a table of a host, in the same store.
type Diary struct {
	// Write adds a line in the unit of work of ctx. It returns an error unless it sees the events that
	// the unit has added, or the store cannot tell.
	Write func(ctx context.Context, line string) error
	Read  func(t *testing.T) []string // the committed lines, in any order
}

// joint is a server with a joined subscriber that writes a line into the diary for each event.
type joint struct {
	*testing.T
	app   *wiring.App
	diary Diary
	calls []events.Event             // since clear
	lines []string                   // that must be committed
	fail  func(e events.Event) error // after the line was written; nil for success
}

// Joined checks, over a store, that the rows of a joined subscriber are there if and only if the
// changes are, of which it gets the events.
func Joined(t *testing.T, root New, diary Diary) {
	j := &joint{T: t, diary: diary}
	var later atomic.Int64 // than the clock of the machine, in hours
	now := clock.System().Now()
	c := Config()
	c.Clock = func() time.Time { return time.Now().Add(time.Duration(later.Load()) * time.Hour) }
	c.Events.MinPause, c.Events.MaxPause = 100*time.Millisecond, 200*time.Millisecond
	c.JoinedSubscribers = []ports.JoinedSubscriber{{Name: "diary", Handle: j.handle, Types: []events.Type{
		events.TypeMessageSent, events.TypeWalletChanged, events.TypeReservationAccepted, events.TypeReservationCompleted, events.TypeUserErased,
	}}}
	j.app = root.start(t, c)
	ctx := t.Context()
	voyager, local := register(t, j.app, "voyager@example.net"), register(t, j.app, "local@example.net")
	_, err := j.app.Matching.SaveProfile(ctx, local.ID, matching.Profile{IsSearchable: true}, nil)
	must(t, err)
	opened, err := j.app.Messaging.Open(ctx, voyager.ID, local.ID, "")
	must(t, err)
	talk := opened.Overview.Conversation.ID
	send := func(key idempotency.Key) error {
		_, err := j.app.Messaging.Send(ctx, voyager.ID, talk, messaging.Draft{Content: "Hello"}, key)
		return err
	}

	// In the unit, in order, once for a command that is replayed, and again for a unit that is retried.
	j.wrote(j.calls...)
	j.clear()
	must(t, send("once"))
	must(t, send("once"))
	j.called(events.TypeWalletChanged, events.TypeMessageSent)
	j.wrote(j.calls...)
	j.clear()
	conflicts := 2
	j.fail = func(events.Event) error {
		if conflicts--; conflicts >= 0 {
			return fmt.Errorf("write: %w", uow.ErrConflict)
		}
		return nil
	}
	must(t, send(""))
	j.called(events.TypeWalletChanged, events.TypeWalletChanged, events.TypeWalletChanged, events.TypeMessageSent)
	j.wrote(j.calls[2:]...)

	// An act that the host or the service refuses leaves no line.
	full := fault.New(fault.Conflict, "hotel_full", "the hotel is full")
	for failure, kind := range map[error]fault.Kind{fmt.Errorf("book: %w", full): fault.Conflict, io.ErrShortWrite: fault.Internal} {
		j.clear()
		j.fail = func(e events.Event) error {
			if e.Type == events.TypeMessageSent {
				return failure
			}
			return nil
		}
		if err := send("refused"); !errors.Is(err, failure) || fault.KindOf(err) != kind {
			t.Errorf("Send = %v, want %v", err, failure)
		}
		j.called(events.TypeWalletChanged, events.TypeMessageSent)
		j.wrote()
	}
	j.clear()
	if _, err := j.app.Messaging.Send(ctx, local.ID, id.Conversation{15: 1}, messaging.Draft{Content: "Hello"}, ""); err == nil {
		t.Error("a message to no conversation was sent")
	}
	j.called()
	must(t, send("refused")) // the key is free
	j.wrote(j.calls...)

	// What the server does by itself is done without the subscriber, which gets the events later.
	price, err := reservations.ParsePrice("10")
	must(t, err)
	r, err := j.app.Reservations.Propose(ctx, local.ID, talk, reservations.Proposal{
		Title: "A walk", Price: price, Date: now.Add(time.Hour), EndDate: now.Add(2 * time.Hour),
	}, "")
	must(t, err)
	j.clear()
	_, err = j.app.Reservations.Accept(ctx, voyager.ID, r.ID, "")
	must(t, err)
	j.wrote(j.calls...)
	later.Store(3)
	j.clear()
	j.fail = func(events.Event) error { return io.ErrShortWrite }
	if settled, err := j.app.Reservations.Settle(ctx); settled != 1 || err != nil {
		t.Errorf("Settle = %d, %v", settled, err)
	}
	must(t, j.app.Privacy.Erase(ctx, voyager.ID, "long enough", users.Device{}))
	if _, err := j.app.Users.Me(ctx, voyager.ID); err == nil {
		t.Error("the voyager is still there")
	}
	j.called(events.TypeReservationCompleted, events.TypeWalletChanged) // each fails at the first event of its unit
	j.wrote()

	j.clear()
	failures := 2
	j.fail = func(events.Event) error {
		if failures--; failures >= 0 {
			return io.ErrShortWrite
		}
		return nil
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error)
	go func() { ended <- j.app.Run(running) }()
	workload.Within(t, 30*time.Second, func() error {
		if lines := j.diary.Read(t); len(lines) < len(j.lines)+4 {
			return fmt.Errorf("the lines are %q", lines)
		}
		return nil
	})
	time.Sleep(300 * time.Millisecond) // one more look
	stop()
	must(t, <-ended)
	j.called(events.TypeReservationCompleted, events.TypeReservationCompleted, events.TypeReservationCompleted, events.TypeWalletChanged,
		events.TypeWalletChanged, events.TypeUserErased)
	j.wrote(j.calls[2:]...)
}

func (j *joint) handle(ctx context.Context, _ ports.Tx, e events.Event) error {
	j.calls = append(j.calls, e)
	if err := j.diary.Write(ctx, line(e)); err != nil {
		return err
	}
	if j.fail != nil {
		return j.fail(e)
	}
	return nil
}

func line(e events.Event) string { return fmt.Sprintf("%s %s %d %s", e.Type, e.Aggregate, e.Seq, e.ID) }

// clear forgets the calls, and lets further ones succeed.
func (j *joint) clear() { j.calls, j.fail = nil, nil }

// called checks the types of the events of the calls.
func (j *joint) called(want ...events.Type) {
	j.Helper()
	var got []events.Type
	for _, e := range j.calls {
		got = append(got, e.Type)
	}
	if !slices.Equal(got, want) {
		j.Errorf("called for %q, want %q", got, want)
	}
}

// wrote checks that the lines of these events were committed, besides those of former ones.
func (j *joint) wrote(all ...events.Event) {
	j.Helper()
	for _, e := range all {
		j.lines = append(j.lines, line(e))
	}
	got := j.diary.Read(j.T)
	slices.Sort(got)
	slices.Sort(j.lines)
	if !slices.Equal(got, j.lines) {
		j.Errorf("the committed lines are %q, want %q", got, j.lines)
	}
}
