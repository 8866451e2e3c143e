package messaging

import (
	"context"
	"errors"
	"fmt"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
)

// Policy is the decisions of a community about messages.
type Policy struct {
	MessageCost    int64 // tokens that the sender of a message pays, or 0; default 1
	MaxOpened      int   // new conversations of a user in any 24 hours, at least 1; default 20
	MaxUnanswered  int   // messages of a user in a conversation before the other has ever written to them, at least 1; default 10
	MaxImagePixels int   // width times height of an image, at least 1; default 24 million
}

// DefaultPolicy returns the default of each field.
func DefaultPolicy() Policy {
	return Policy{MessageCost: 1, MaxOpened: 20, MaxUnanswered: 10, MaxImagePixels: 24_000_000}
}

// Deps are the parts of a Service. All are needed. services.New makes them for all services.
type Deps struct {
	Store  *uow.Store[Tx]
	Ledger *tokens.Ledger
	Images Images
	Clock  clock.Clock
	IDs    id.Source
	Policy Policy
}

// Service opens conversations and sends messages. Its methods return users.ErrNotSignedIn if the
// account of the caller is not active, and ErrNotFound if the caller, even an admin, is not a
// participant of the conversation.
type Service struct{ deps Deps }

// NewService returns a Service, or an error that names the parts that are missing.
func NewService(d Deps) (*Service, error) {
	if err := fault.Missing("messaging", d); err != nil {
		return nil, err
	}
	return &Service{d}, nil
}

// Policy returns the policy that the service was made with.
func (s *Service) Policy() Policy { return s.deps.Policy }

// OpenResult is the result of Open.
type OpenResult struct {
	Overview Overview
	Created  bool // false if the conversation existed before
}

// Open opens a conversation of the caller, as its voyager, with a local. If it exists already, Open
// returns it, even if the local is no longer searchable or active. Errors: fault.Invalid if local
// is the caller, users.ErrRestricted, ErrNobody, ErrTooManyOpened, idempotency.ErrKeyReused.
func (s *Service) Open(ctx context.Context, caller, local id.User, key idempotency.Key) (OpenResult, error) {
	if caller == local {
		return OpenResult{}, fault.InvalidField("local_id", "must be another user")
	}
	o, _, err := idempotency.Run(ctx, s.deps.Store, s.deps.Clock, idempotency.Command{
		Owner: caller.String(), Key: key, Operation: "messaging.Open", Values: local,
	}, users.RequireActive[Tx](caller), func(ctx context.Context, tx Tx) (OpenResult, error) {
		// The account is held, so that an erasure waits for this unit and forgets the key, or this
		// unit waits for the erasure and is refused; and so that concurrent units do not exceed the
		// quota.
		voyager, err := users.HoldActive(ctx, tx, caller)
		if err != nil {
			return OpenResult{}, err
		}
		c, created, err := s.open(ctx, tx, voyager, local)
		if err != nil {
			return OpenResult{}, err
		}
		view, err := View(ctx, tx, caller, c.ID)
		return OpenResult{Overview: view, Created: created}, err
	}, openingForm(caller))
	if err != nil {
		return OpenResult{}, fmt.Errorf("open a conversation: %w", err)
	}
	return o, nil
}

func (s *Service) open(ctx context.Context, tx Tx, caller users.User, local id.User) (Conversation, bool, error) {
	voyager := caller.ID
	c, err := tx.Messaging().ConversationOf(ctx, voyager, local)
	if err == nil {
		return c, false, nil
	}
	if !errors.Is(err, fault.NotFound) {
		return Conversation{}, false, fmt.Errorf("look for a conversation: %w", err)
	}
	now := s.deps.Clock.Now()
	if err := caller.CheckUnrestricted(now); err != nil {
		return Conversation{}, false, err
	}
	sight, err := tx.Matching().Sight(ctx, voyager, local)
	if err != nil {
		return Conversation{}, false, fmt.Errorf("look at a user: %w", err)
	}
	if !sight.Findable() {
		return Conversation{}, false, ErrNobody
	}
	nth, err := tx.Messaging().NthOpened(ctx, voyager, s.deps.Policy.MaxOpened)
	if err := CheckQuota(nth, err, now, ErrTooManyOpened); err != nil {
		return Conversation{}, false, err
	}
	c, created, err := tx.Messaging().OpenConversation(ctx, Conversation{
		ID: id.Conversation(s.deps.IDs.Next()), VoyagerID: voyager, LocalID: local, CreatedAt: now,
	})
	if err != nil {
		return Conversation{}, false, fmt.Errorf("add a conversation: %w", err)
	}
	if created {
		err = events.Add(ctx, tx, s.deps.IDs, now, openedSeq, events.ConversationOpened{
			ConversationID: c.ID, LocalID: c.LocalID, VoyagerID: c.VoyagerID,
		})
	}
	return c, created, err
}

// Conversations lists the caller's conversations, newest activity first.
func (s *Service) Conversations(ctx context.Context, caller id.User, r page.Request[page.Moment]) (page.Page[Overview, page.Moment], error) {
	var p page.Page[Overview, page.Moment]
	err := s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
		if err := users.CheckActive(ctx, tx, caller); err != nil {
			return err
		}
		p, err = page.Read(r, PlaceOfOverview, func(after *page.Moment, limit int) ([]Overview, error) {
			return tx.Messaging().Overviews(ctx, caller, after, limit)
		})
		return err
	})
	return p, err
}

// Conversation returns one conversation as the caller sees it. Errors: ErrNotFound.
func (s *Service) Conversation(ctx context.Context, caller id.User, conversation id.Conversation) (Overview, error) {
	var o Overview
	err := s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
		if err := users.CheckActive(ctx, tx, caller); err != nil {
			return err
		}
		o, err = View(ctx, tx, caller, conversation)
		return err
	})
	return o, err
}

// View returns a conversation as a participant sees it, inside a unit of work. Errors: ErrNotFound
// if there is no such conversation, or if the user is not a participant.
func View(ctx context.Context, tx Tx, participant id.User, conversation id.Conversation) (Overview, error) {
	o, err := tx.Messaging().Overview(ctx, conversation, participant)
	if errors.Is(err, fault.NotFound) {
		return Overview{}, ErrNotFound
	}
	if err != nil {
		return Overview{}, fmt.Errorf("read a conversation: %w", err)
	}
	return o, nil
}

// Unread returns the number of messages that the caller has not read, in all conversations: the sum
// of Overview.Unread, but at most MaxUnread. Errors: users.ErrNotSignedIn.
func (s *Service) Unread(ctx context.Context, caller id.User) (int, error) {
	var n int
	err := s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
		if err := users.CheckActive(ctx, tx, caller); err != nil {
			return err
		}
		if n, err = tx.Messaging().Unread(ctx, caller); err != nil {
			return fmt.Errorf("count unread messages: %w", err)
		}
		return nil
	})
	return n, err
}

// Enter returns the standing of a conversation if the caller is an active participant. Errors:
// ErrNotFound, users.ErrNotSignedIn.
func Enter(ctx context.Context, tx Tx, caller id.User, conversation id.Conversation) (Standing, error) {
	s, err := tx.Messaging().Standing(ctx, conversation)
	return s, admit(s, err, caller)
}

// admit checks the caller, given the standing and the error that the repository returned.
func admit(s Standing, err error, caller id.User) error {
	if err := accessError(err); err != nil {
		return err
	}
	return s.Admit(caller)
}

// accessError returns the error of the use case for err, which the repository returned for a
// conversation.
func accessError(err error) error {
	if errors.Is(err, fault.NotFound) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("read a conversation: %w", err)
	}
	return nil
}

// Messages lists the messages of a conversation, newest first. Errors: ErrNotFound.
func (s *Service) Messages(ctx context.Context, caller id.User, conversation id.Conversation, r page.Request[page.Moment]) (page.Page[Message, page.Moment], error) {
	var p page.Page[Message, page.Moment]
	err := s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
		p, err = page.Read(r, PlaceOfMessage, func(after *page.Moment, limit int) ([]Message, error) {
			access, messages, err := tx.Messaging().History(ctx, conversation, caller, after, limit)
			if err := accessError(err); err != nil {
				return nil, err
			}
			if !access.Active {
				return nil, errInactive
			}
			return messages, nil
		})
		return err
	})
	return p, err
}

// Attachment returns the image of a message: see Cleaned. Errors: ErrNoAttachment if the message has
// none, or if the caller is not a participant of its conversation; ErrImagesBusy.
func (s *Service) Attachment(ctx context.Context, caller id.User, message id.Message) (Attachment, error) {
	var a Attachment
	err := s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) error {
		m, err := tx.Messaging().Message(ctx, message)
		if errors.Is(err, fault.NotFound) {
			return ErrNoAttachment
		}
		if err != nil {
			return fmt.Errorf("read a message: %w", err)
		}
		_, err = Enter(ctx, tx, caller, m.ConversationID)
		if errors.Is(err, ErrNotFound) || err == nil && m.Attachment == "" {
			return ErrNoAttachment
		}
		if err != nil {
			return err
		}
		if a, err = tx.Messaging().Attachment(ctx, message); err != nil {
			return fmt.Errorf("read an attachment: %w", err)
		}
		return nil
	})
	if err != nil {
		return Attachment{}, err
	}
	return Cleaned(ctx, s.deps.Store, s.deps.Images, message, a)
}
