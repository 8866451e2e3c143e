package messaging

import (
	"context"
	"errors"
	"fmt"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/users"
)

// Read marks the messages of the other participant as read, up to and including the message upTo,
// and returns how many were unread. It may run more than once: without a key, a repeat marks
// nothing twice, and returns how many are still unread. Errors: ErrNotFound, fault.Invalid on up_to
// if that message is not in the conversation, idempotency.ErrKeyReused.
func (s *Service) Read(ctx context.Context, caller id.User, conversation id.Conversation, upTo id.Message, key idempotency.Key) (int, error) {
	n, _, err := idempotency.RunFast(ctx, s.deps.Store, s.deps.Clock, idempotency.Command{
		Owner: caller.String(), Key: key, Operation: "messaging.Read", Values: []any{conversation, upTo},
	}, users.RequireActive[Tx](caller), s.readAtOnce(caller, conversation, upTo), func(ctx context.Context, tx Tx) (int, error) {
		return s.read(ctx, tx, caller, conversation, upTo)
	}, idempotency.Whole[Tx, int]())
	if err != nil {
		return 0, fmt.Errorf("mark messages as read: %w", err)
	}
	return n, nil
}

// read marks messages as read step by step.
func (s *Service) read(ctx context.Context, tx Tx, caller id.User, conversation id.Conversation, upTo id.Message) (int, error) {
	standing, err := Enter(ctx, tx, caller, conversation)
	if err != nil {
		return 0, err
	}
	m, err := tx.Messaging().Message(ctx, upTo)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return 0, fmt.Errorf("read a message: %w", err)
	}
	if err != nil || m.ConversationID != conversation {
		return 0, fault.InvalidField("up_to", "must be a message of this conversation")
	}
	n, err := tx.Messaging().MarkRead(ctx, conversation, caller, PlaceOfMessage(m))
	if err != nil {
		return 0, fmt.Errorf("mark messages as read: %w", err)
	}
	if n > 0 {
		err = events.Add(ctx, tx, s.deps.IDs, s.deps.Clock.Now(), messageSeq(m), events.MessageRead{
			ConversationID: conversation, ReaderID: caller, SenderID: standing.Conversation.Other(caller), UpTo: upTo,
		})
	}
	return n, err
}

// Marking marks messages of a conversation as read in one step, with all that its unit of work
// writes.
type Marking struct {
	Conversation id.Conversation
	Reader       id.User    // the participant who did not send them
	UpTo         id.Message // the last one: the messages up to its position are marked, as by Repository.MarkRead

	// Read is the event of the marking: events.MessageRead without SenderID. It also lacks the Seq,
	// which is the time of UpTo in Unix milliseconds. It is not added if nothing was unread.
	Read events.Event

	// Record is saved for the key of the command. It is nil if the command has none. Its Answer is
	// that for no message. If messages were unread, the store saves their number in decimal digits
	// in its place.
	Record *idempotency.Record
}

// Marker is a Repository that can also mark messages as read in one step. What it does and keeps is
// what Service.Read does step by step; that is its specification, and the kit of package porttest
// compares the two.
type Marker interface {
	// Mark marks messages as read, and returns how many were unread, with idempotency.Done. The
	// unit is then committed, and makes no further call. Otherwise nothing has changed:
	//
	//   - idempotency.NotDone: the key has a record, a check that Service.Read makes fails, or Mark
	//     cannot tell whether it does. It may be wrong only about a deactivation of the reader that
	//     was committed while Mark ran.
	//   - idempotency.Unsupported: this unit of work cannot commit in one step, because it has made
	//     other calls, or because it is part of a transaction of the host program.
	//
	// Mark returns uow.ErrOutcomeUnknown as a commit does.
	Mark(ctx context.Context, m Marking) (int, idempotency.Outcome, error)
}

// readAtOnce returns the fast form of read.
func (s *Service) readAtOnce(caller id.User, conversation id.Conversation, upTo id.Message) idempotency.Fast[Tx, int] {
	return func(
		ctx context.Context, tx Tx, record func(int) (*idempotency.Record, error),
	) (int, idempotency.Outcome, error) {
		marker, ok := tx.Messaging().(Marker)
		if !ok || events.Joined(ctx, events.TypeMessageRead) {
			return 0, idempotency.Unsupported, nil
		}
		kept, err := record(0)
		if err != nil {
			return 0, idempotency.NotDone, err
		}
		n, outcome, err := marker.Mark(ctx, Marking{
			Conversation: conversation, Reader: caller, UpTo: upTo, Record: kept,
			Read: events.New(s.deps.IDs, s.deps.Clock.Now(), 0, events.MessageRead{
				ConversationID: conversation, ReaderID: caller, UpTo: upTo,
			}),
		})
		if err != nil {
			return 0, outcome, fmt.Errorf("mark messages as read in one step: %w", err)
		}
		return n, outcome, nil
	}
}
