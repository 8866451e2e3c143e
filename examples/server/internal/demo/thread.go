package demo

import (
	"context"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/reservations"
)

// thread is a planned conversation.
type thread struct {
	*story
	voyager, local *person
	corner         string // a place in the local's city, which the lines name
	end            time.Time

	id   id.Conversation   // set when it is opened
	last messaging.Message // the last message
}

// open plans that a voyager opens a conversation.
func (s *story) open(at time.Time, voyager, local *person) *thread {
	t := &thread{story: s, voyager: voyager, local: local, corner: pick(s.faker, local.home.corners), end: at}
	s.at(at, "open a conversation", func(ctx context.Context) error {
		o, err := s.services.Messaging.Open(ctx, voyager.id, local.id, "")
		t.id = o.Overview.Conversation.ID
		return err
	})
	return t
}

// talk plans messages with the lines, starting at the thread's end, with pauses of some minutes.
func (t *thread) talk(lines []string) {
	for _, line := range lines {
		who, text, _ := strings.Cut(line, ": ")
		speaker := t.voyager
		if who == "l" {
			speaker = t.local
		}
		t.end = t.end.Add(time.Duration(t.faker.Number(2*60, 45*60)) * time.Second)
		t.say(t.end, speaker, strings.NewReplacer(
			"{voyager}", t.voyager.first, "{local}", t.local.first, "{city}", t.local.home.name, "{corner}", t.corner,
		).Replace(text))
	}
}

// say plans one message. Its sender reads the messages before it.
func (t *thread) say(at time.Time, speaker *person, text string) {
	t.at(at, "say something", func(ctx context.Context) error {
		if err := t.readBy(ctx, speaker); err != nil {
			return err
		}
		m, err := t.services.Messaging.Send(ctx, speaker.id, t.id, messaging.Draft{Content: text}, "")
		t.last = m
		return err
	})
}

// read plans that both users read all messages, some time after the thread's end.
func (t *thread) read() {
	t.at(t.end.Add(time.Hour), "read what was said", func(ctx context.Context) error {
		if err := t.readBy(ctx, t.voyager); err != nil {
			return err
		}
		return t.readBy(ctx, t.local)
	})
}

func (t *thread) readBy(ctx context.Context, reader *person) error {
	if t.last.ID.IsZero() || t.last.UserID == reader.id {
		return nil
	}
	_, err := t.services.Messaging.Read(ctx, reader.id, t.id, t.last.ID, "")
	return err
}

// booking is a planned reservation.
type booking struct {
	*thread
	creator, other *person
	date, until    time.Time
	id             id.Reservation // set when it is proposed
}

// propose plans that one user proposes an activity, some minutes after the thread's end.
func (t *thread) propose(creator *person, what talk, date time.Time) *booking {
	b := &booking{
		thread: t, creator: creator, other: t.local, date: date, until: date.Add(time.Duration(what.hours) * time.Hour),
	}
	if creator == t.local {
		b.other = t.voyager
	}
	t.end = t.end.Add(time.Duration(t.faker.Number(5, 30)) * time.Minute)
	t.at(t.end, "propose an activity", func(ctx context.Context) error {
		price, err := reservations.ParsePrice(what.price)
		if err != nil {
			return err
		}
		r, err := t.services.Reservations.Propose(ctx, creator.id, t.id, reservations.Proposal{
			Title: what.title, Price: price, Date: b.date, EndDate: b.until,
		}, "")
		b.id = r.ID
		return err
	})
	return b
}

// accept plans that the other user accepts, some hours later.
func (b *booking) accept() {
	b.move("accept an activity", time.Duration(b.faker.Number(60, 4*60))*time.Minute, b.other, b.services.Reservations.Accept)
}

// decline plans that the other user declines, some hours later.
func (b *booking) decline() {
	b.move("decline an activity", time.Duration(b.faker.Number(60, 4*60))*time.Minute, b.other, b.services.Reservations.Decline)
}

// cancel plans that a user cancels, one day later.
func (b *booking) cancel(by *person) {
	b.move("cancel an activity", time.Duration(b.faker.Number(18, 30))*time.Hour, by, b.services.Reservations.Cancel)
}

// complete plans that the activity ends and is settled. The thread continues after that.
func (b *booking) complete() {
	b.end = b.until.Add(2 * time.Second)
	b.at(b.end, "settle", func(ctx context.Context) error {
		_, err := b.services.Reservations.Settle(ctx)
		return err
	})
	b.end = b.end.Add(time.Duration(b.faker.Number(2, 14)) * time.Hour)
}

func (b *booking) move(what string, after time.Duration, by *person,
	move func(context.Context, id.User, id.Reservation, idempotency.Key) (reservations.View, error),
) {
	b.end = b.end.Add(after)
	b.at(b.end, what, func(ctx context.Context) error {
		_, err := move(ctx, by.id, b.id, "")
		return err
	})
}
