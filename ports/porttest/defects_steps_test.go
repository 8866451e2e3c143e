package porttest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/ports"
)

// flaw is what a store with a messaging.Sender does wrong.
type flaw int

const (
	sound flaw = iota
	forgetsKey
	ignoresKey
	sendsBlocked
	ignoresQuota
	ignoresLatest
	forgetsCorrespondent
	forgetsSeq
	neverDone
)

// sending returns a plant of stores with a messaging.Sender.
func sending(f flaw) plant {
	return handing(func(_ *memory.Store, b *broken) { b.messaging = sender{b.Tx.Messaging(), b.Tx, f} })
}

// sender is a messaging.Sender that makes the calls of the steps in the unit of work.
type sender struct {
	messaging.Repository
	tx   ports.Tx
	flaw flaw
}

func (r sender) Send(ctx context.Context, s messaging.Sending) (m messaging.Message, outcome idempotency.Outcome, err error) {
	m = s.Message
	held, possible, err := r.check(ctx, s)
	if err != nil || !possible {
		return m, idempotency.NotDone, err
	}
	if next := held.Latest.Add(1e6); m.CreatedAt.Before(next) && r.flaw != ignoresLatest {
		m.CreatedAt = next
	}
	receipts, err := r.tx.Tokens().Post(ctx, s.Payment)
	if err != nil {
		return m, idempotency.NotDone, err
	}
	other := held.Standing.Conversation.Other(m.UserID)
	paid, sent := s.Paid.Data.(events.WalletChanged), s.Sent.Data.(events.MessageSent)
	paid.BalanceAfter, sent.RecipientID = receipts[0].Transaction.BalanceAfter, other
	s.Paid.Data, s.Sent.Data = paid, sent
	if r.flaw != forgetsSeq {
		s.Paid.Seq, s.Sent.Seq = receipts[0].Transaction.Seq, m.CreatedAt.UnixMilli()
	}
	writes := []error{r.AddMessage(ctx, m, nil), r.tx.Events().Add(ctx, s.Paid, s.Sent)}
	if r.flaw != forgetsCorrespondent {
		writes = append(writes, r.tx.Matching().AddCorrespondent(ctx, matching.Correspondent{UserID: m.UserID, ReaderID: other}))
	}
	if s.Record != nil && r.flaw != forgetsKey {
		writes = append(writes, r.tx.Idempotency().Save(ctx, *s.Record))
	}
	return m, idempotency.Done, errors.Join(writes...)
}

// check holds the conversation, and reports whether the message can be sent.
func (r sender) check(ctx context.Context, s messaging.Sending) (held messaging.Held, possible bool, err error) {
	if r.flaw == neverDone {
		return held, false, nil
	}
	if s.Record != nil {
		_, err := r.tx.Idempotency().Claim(ctx, s.Record.Owner, s.Record.Key)
		if !errors.Is(err, fault.NotFound) && r.flaw != ignoresKey {
			return held, false, err
		}
	}
	held, err = r.HoldConversation(ctx, s.Message.ConversationID, s.Message.UserID, s.MaxUnanswered)
	if errors.Is(err, fault.NotFound) {
		return held, false, nil
	}
	if err != nil {
		return held, false, err
	}
	standing := held.Standing
	standing.Blocked = standing.Blocked && r.flaw != sendsBlocked
	if standing.Admit(s.Message.UserID) != nil || standing.Open() != nil || held.Unanswered && r.flaw != ignoresQuota {
		return held, false, nil //nolint:nilerr // the steps tell the error
	}
	w, err := r.tx.Tokens().Wallet(ctx, s.Message.UserID)
	if err != nil || w.Closed || w.Balance+s.Payment.Amount < 0 || w.Balance+s.Payment.Amount > tokens.MaxBalance {
		return held, false, err
	}
	return held, true, nil
}

// TestSendingInOneStep checks that the kit passes a store whose fast form is sound.
func TestSendingInOneStep(t *testing.T) {
	t.Parallel()
	if v := judged(t, "sends in one step", "^TestStorage$/^(messaging|steps|races|told|refusals)$"); v.err != nil {
		t.Errorf("the kit failed the store: %v\n%s", v.err, v.output)
	}
}
