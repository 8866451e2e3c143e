package messaging_test

import (
	"fmt"
	"testing"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/messaging"
)

// TestUnanswered sends without an answer, for each price of a message and each of the two who may
// write first.
func TestUnanswered(t *testing.T) {
	for _, cost := range []int64{0, 1} {
		for _, localFirst := range []bool{false, true} {
			t.Run(fmt.Sprintf("cost %d, the local first %t", cost, localFirst), func(t *testing.T) {
				s := newScene(t, func(p *coretest.Policies) {
					p.Messaging.MessageCost, p.Messaging.MaxUnanswered = cost, 3
				})
				first, other := s.voyager, s.local
				if localFirst {
					first, other = other, first
				}
				send := func(by id.User, key idempotency.Key) error {
					_, err := s.Messaging.Send(s.Ctx, by, s.talk, messaging.Draft{Content: "hello"}, key)
					return err
				}
				for i := range 3 {
					coretest.Is(t, send(first, idempotency.Key(fmt.Sprint("key-", i))), nil)
				}
				s.Unchanged(func() {
					coretest.Is(t, send(first, ""), messaging.ErrUnanswered)
					coretest.Is(t, send(first, "key-3"), messaging.ErrUnanswered)
					coretest.Is(t, send(first, "key-2"), nil)
				})
				s.Block(other, first)
				s.Unchanged(func() { coretest.Is(t, send(first, ""), messaging.ErrClosed) })
				coretest.Is(t, s.Moderation.Unblock(s.Ctx, other, first), nil)
				s.Unchanged(func() { coretest.Is(t, send(first, ""), messaging.ErrUnanswered) })
				coretest.Is(t, send(other, ""), nil)
				for range 5 {
					coretest.Is(t, send(first, ""), nil)
					coretest.Is(t, send(other, ""), nil)
				}
			})
		}
	}
}

// TestUnansweredBeforeTokens spends all tokens on messages without an answer.
func TestUnansweredBeforeTokens(t *testing.T) {
	s := newScene(t, func(p *coretest.Policies) { p.Messaging.MessageCost, p.Messaging.MaxUnanswered = 25, 2 })
	s.send(t, s.voyager, "one")
	s.send(t, s.voyager, "two")
	_, err := s.Messaging.Send(s.Ctx, s.voyager, s.talk, messaging.Draft{Content: "three"}, "")
	coretest.Is(t, err, messaging.ErrUnanswered)
	s.send(t, s.local, "an answer")
	_, err = s.Messaging.Send(s.Ctx, s.voyager, s.talk, messaging.Draft{Content: "three"}, "")
	coretest.Is(t, err, fault.InsufficientTokens)
}
