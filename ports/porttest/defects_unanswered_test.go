package porttest_test

import (
	"context"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/ports"
)

// ignoresAnswers reports messages as unanswered whether or not the other has written.
type ignoresAnswers struct{ messaging.Repository }

func (r ignoresAnswers) HoldConversation(
	ctx context.Context, conversation id.Conversation, sender id.User, limit int,
) (messaging.Held, error) {
	held, err := r.Repository.HoldConversation(ctx, conversation, sender, limit)
	if err != nil {
		return held, err
	}
	_, all, err := r.History(ctx, conversation, sender, nil, 1000)
	sent := 0
	for _, m := range all {
		if m.UserID == sender {
			sent++
		}
	}
	held.Unanswered = sent >= limit
	return held, err
}

// newSentUncounted returns a store that does not count messages that were sent a moment ago, as if
// they were committed after its unit began.
func newSentUncounted(s *memory.Store) ports.Storage {
	sent := &sync.Map{}
	return handing(func(_ *memory.Store, b *broken) { b.messaging = sentUncounted{b.Tx.Messaging(), sent} })(s)
}

type sentUncounted struct {
	messaging.Repository
	sent *sync.Map // messages, and when they were sent
}

func (r sentUncounted) AddMessage(ctx context.Context, m messaging.Message, a *messaging.Attachment) error {
	r.sent.Store(m, time.Now())
	return r.Repository.AddMessage(ctx, m, a)
}

func (r sentUncounted) HoldConversation(
	ctx context.Context, conversation id.Conversation, sender id.User, limit int,
) (messaging.Held, error) {
	r.sent.Range(func(m, at any) bool {
		if m.(messaging.Message).ConversationID == conversation && time.Since(at.(time.Time)) < time.Second {
			limit++
		}
		return true
	})
	return r.Repository.HoldConversation(ctx, conversation, sender, limit)
}

// nobodysPending counts no reservation as the user's own.
type nobodysPending struct{ reservations.Repository }

func (r nobodysPending) PendingIn(
	ctx context.Context, conversation id.Conversation, creator id.User, limit int,
) (all, own int, err error) {
	all, _, err = r.Repository.PendingIn(ctx, conversation, creator, limit)
	return all, 0, err
}

// allPending counts every pending reservation as the user's own.
type allPending struct{ reservations.Repository }

func (r allPending) PendingIn(
	ctx context.Context, conversation id.Conversation, creator id.User, limit int,
) (all, own int, err error) {
	all, _, err = r.Repository.PendingIn(ctx, conversation, creator, limit)
	return all, all, err
}
