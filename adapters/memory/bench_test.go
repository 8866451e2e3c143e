package memory_test

import (
	"context"
	"testing"

	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// send runs the unit of work of a sent message: the reads that allow it, the debit, and the
// message.
func (f *fixture) send(ctx context.Context, tx ports.Tx, m messaging.Message) error {
	if _, err := tx.Messaging().Standing(ctx, m.ConversationID); err != nil {
		return err
	}
	if _, err := tx.Tokens().Post(ctx, f.entry(m.UserID, -1, tokens.MessageSent)); err != nil {
		return err
	}
	return tx.Messaging().AddMessage(ctx, m, nil)
}

// talkative returns a fixture with a conversation of the given number of messages.
func talkative(b *testing.B, messages int) (*fixture, messaging.Conversation) {
	f := newFixture(b)
	c := f.conversation(f.user("ada", tokens.MaxBalance).ID, f.user("ben", 0).ID)
	f.do(func(ctx context.Context, tx ports.Tx) error {
		for i := range messages {
			if err := f.send(ctx, tx, f.message(c, c.VoyagerID, i)); err != nil {
				return err
			}
		}
		return nil
	})
	return f, c
}

func BenchmarkSend(b *testing.B) {
	f, c := talkative(b, 10_000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		err := f.storage.Run(b.Context(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
			return f.send(ctx, tx, f.message(c, c.VoyagerID, 10_000+i))
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMessages(b *testing.B) {
	f, c := talkative(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		err := f.storage.Run(b.Context(), uow.Read, func(ctx context.Context, tx ports.Tx) error {
			_, list, err := tx.Messaging().History(ctx, c.ID, c.VoyagerID, nil, 20)
			if len(list) != 20 {
				b.Fatalf("got a page of %d messages", len(list))
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
