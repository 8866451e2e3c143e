package messaging

import (
	"context"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
)

// Send stores a message and debits its sender, in one unit of work. Before it, Send cleans the
// image, which may wait for others. Errors: fault.Invalid with the names of the fields,
// ErrImagesBusy, ErrNotFound, ErrClosed, ErrUnanswered, tokens.ErrTooFewTokens,
// idempotency.ErrKeyReused.
func (s *Service) Send(ctx context.Context, caller id.User, conversation id.Conversation, d Draft, key idempotency.Key) (Message, error) {
	var f fault.Fields
	content, image := d.parse(&f)
	digest := d.Attachment.sum() // computed now, so that d is not kept while the image waits
	if image != nil {
		if err := f.Collect(image.inspect(ctx, s.deps.Images, s.deps.Policy.MaxImagePixels)); err != nil {
			return Message{}, err
		}
	}
	if err := f.Err(); err != nil {
		return Message{}, err
	}
	if image != nil {
		cleaned, err := image.clean(ctx, s.deps.Images)
		if err != nil {
			return Message{}, fmt.Errorf("send a message: %w", err)
		}
		image = &cleaned
	}
	m, _, err := idempotency.RunFast(ctx, s.deps.Store, s.deps.Clock, idempotency.Command{
		Owner: caller.String(), Key: key, Operation: "messaging.Send",
		Values: []any{conversation, content, digest},
	}, users.RequireActive[Tx](caller), s.sendAtOnce(caller, conversation, content, image), func(ctx context.Context, tx Tx) (Message, error) {
		return s.send(ctx, tx, caller, conversation, content, image)
	}, messageForm())
	if err != nil {
		return Message{}, fmt.Errorf("send a message: %w", err)
	}
	return m, nil
}

// send sends a message step by step.
func (s *Service) send(ctx context.Context, tx Tx, caller id.User, conversation id.Conversation, content string, image *Attachment) (Message, error) {
	held, err := tx.Messaging().HoldConversation(ctx, conversation, caller, s.deps.Policy.MaxUnanswered)
	if err := admit(held.Standing, err, caller); err != nil {
		return Message{}, err
	}
	if err := held.Standing.Open(); err != nil {
		return Message{}, err
	}
	if held.Unanswered {
		return Message{}, ErrUnanswered
	}
	now := s.deps.Clock.Now()
	m := Message{
		ID: id.Message(s.deps.IDs.Next()), ConversationID: conversation, UserID: caller, Content: content,
		CreatedAt: sentAt(now, held.Latest),
	}
	if image != nil {
		m.Attachment = image.MediaType
	}
	if _, err = s.deps.Ledger.Post(ctx, tx, now, s.payment(m)); err != nil {
		return Message{}, err
	}
	if err := tx.Messaging().AddMessage(ctx, m, image); err != nil {
		return Message{}, fmt.Errorf("add a message: %w", err)
	}
	other := held.Standing.Conversation.Other(caller)
	err = events.Add(ctx, tx, s.deps.IDs, now, messageSeq(m), events.MessageSent{
		ConversationID: conversation, MessageID: m.ID, RecipientID: other, SenderID: caller,
	})
	if err != nil {
		return Message{}, err
	}
	pair := matching.Correspondent{UserID: caller, ReaderID: other}
	if err := tx.Matching().AddCorrespondent(ctx, pair); err != nil {
		return Message{}, fmt.Errorf("add a correspondent: %w", err)
	}
	return m, nil
}

// payment returns what the sender of a message pays for it.
func (s *Service) payment(m Message) tokens.Movement {
	return tokens.Movement{
		UserID: m.UserID, Amount: -s.deps.Policy.MessageCost, Type: tokens.MessageSent, Reason: "message sent",
		Metadata: tokens.Reference("message_id", m.ID),
	}
}

// Sending is a message without an image, to be sent in one step, with all that its unit of work
// writes.
type Sending struct {
	Message       Message      // its CreatedAt is the present time
	MaxUnanswered int          // see Policy
	Payment       tokens.Entry // a debit of the sender
	Paid          events.Event // of the payment: events.WalletChanged without Seq and BalanceAfter
	Sent          events.Event // of the message: events.MessageSent without Seq and RecipientID

	// Record is saved for the key of the command. It is nil if the command has none.
	Record *idempotency.Record
}

// SentAt returns the time that the message gets. latest is the time of the latest message of its
// conversation, or zero if it has none.
func (s Sending) SentAt(latest time.Time) time.Time { return sentAt(s.Message.CreatedAt, latest) }

// Events returns Paid and Sent with what only the store knows, given the transaction that the
// payment has become, the time of the message, and its recipient.
func (s Sending) Events(payment tokens.Transaction, at time.Time, recipient id.User) []events.Event {
	paid, sent := s.Paid, s.Sent
	if changed, ok := paid.Data.(events.WalletChanged); ok {
		changed.BalanceAfter = payment.BalanceAfter
		paid = paid.With(payment.Seq, changed)
	}
	if message, ok := sent.Data.(events.MessageSent); ok {
		message.RecipientID = recipient
		sent = sent.With(messageSeq(Message{CreatedAt: at}), message)
	}
	return []events.Event{paid, sent}
}

// Sender is a Repository that can also send a message in one step. What it does and keeps is what
// Service.Send does step by step; that is its specification, and the kit of package porttest
// compares the two.
type Sender interface {
	// Send sends a message, and returns it with idempotency.Done and the time that it got: that of s,
	// or one millisecond after the latest message of its conversation if that is later. The unit is
	// then committed, and makes no further call. Otherwise nothing has changed:
	//
	//   - idempotency.NotDone: the key has a record, a check that Service.Send makes fails, or Send
	//     cannot tell whether it does. It may be wrong only about a block or an inactive user that
	//     was committed while Send ran.
	//   - idempotency.Unsupported: this unit of work cannot commit in one step, because it has made
	//     other calls, or because it is part of a transaction of the host program.
	//
	// Send returns uow.ErrOutcomeUnknown as a commit does.
	Send(ctx context.Context, s Sending) (Message, idempotency.Outcome, error)
}

// sendAtOnce returns the fast form of send. It takes no message that is free: the wallet of the
// sender shows that they were not erased while the store waited for the conversation.
func (s *Service) sendAtOnce(
	caller id.User, conversation id.Conversation, content string, image *Attachment,
) idempotency.Fast[Tx, Message] {
	return func(
		ctx context.Context, tx Tx, record func(Message) (*idempotency.Record, error),
	) (Message, idempotency.Outcome, error) {
		sender, ok := tx.Messaging().(Sender)
		if !ok || image != nil || s.deps.Policy.MessageCost == 0 ||
			events.Joined(ctx, events.TypeMessageSent) || events.Joined(ctx, events.TypeWalletChanged) {
			return Message{}, idempotency.Unsupported, nil
		}
		now := s.deps.Clock.Now()
		m := Message{
			ID: id.Message(s.deps.IDs.Next()), ConversationID: conversation, UserID: caller, Content: content, CreatedAt: now,
		}
		payment, paid, err := s.deps.Ledger.Prepare(now, s.payment(m))
		if err != nil {
			return Message{}, idempotency.NotDone, nil //nolint:nilerr // send returns the error after those of its checks
		}
		sent := events.New(s.deps.IDs, now, 0, events.MessageSent{
			ConversationID: conversation, MessageID: m.ID, SenderID: caller,
		})
		kept, err := record(m)
		if err != nil {
			return Message{}, idempotency.NotDone, err
		}
		m, outcome, err := sender.Send(ctx, Sending{
			Message: m, MaxUnanswered: s.deps.Policy.MaxUnanswered, Payment: payment, Paid: paid, Sent: sent, Record: kept,
		})
		if err != nil {
			return Message{}, outcome, fmt.Errorf("send in one step: %w", err)
		}
		return m, outcome, nil
	}
}
