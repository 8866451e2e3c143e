package messaging_test

import (
	"context"
	"testing"

	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
)

// A use case that is cancelled at any point changes nothing: there is no message without its
// payment, and no payment without its message.
func TestCancellation(t *testing.T) {
	s := newScene(t)
	var m messaging.Message
	for name, useCase := range map[string]func(ctx context.Context) error{
		"open": func(ctx context.Context) error {
			_, err := s.Messaging.Open(ctx, s.voyager, s.stranger, "open")
			return err
		},
		"list": func(ctx context.Context) error {
			_, err := s.Messaging.Conversations(ctx, s.voyager, page.Request[page.Moment]{})
			return err
		},
		"read": func(ctx context.Context) error {
			_, err := s.Messaging.Conversation(ctx, s.voyager, s.talk)
			return err
		},
		"count unread messages": func(ctx context.Context) error {
			_, err := s.Messaging.Unread(ctx, s.voyager)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) { coretest.Is(t, s.Cancelled(useCase), nil) })
	}
	draft := messaging.Draft{Content: "Hello", Attachment: attached(2, 2)}
	coretest.Is(t, s.Cancelled(func(ctx context.Context) (err error) {
		m, err = s.Messaging.Send(ctx, s.voyager, s.talk, draft, "send")
		return err
	}), nil)
	if b := s.Balance(s.voyager); b != 49 {
		t.Errorf("the sender has %d, want 49 after one payment", b)
	}
	coretest.Is(t, s.Cancelled(func(ctx context.Context) error {
		_, err := s.Messaging.Attachment(ctx, s.local, m.ID)
		return err
	}), nil)
	coretest.Is(t, s.Cancelled(func(ctx context.Context) error {
		n, err := s.Messaging.Read(ctx, s.local, s.talk, m.ID, "")
		if err == nil && n != 1 {
			t.Errorf("marked %d messages, want 1", n)
		}
		return err
	}), nil)
}
