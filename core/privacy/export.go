package privacy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
)

// Export is all data of one user. Of other users it contains only what this user can see anyway. It
// contains no secrets, and no reports about the user.
type Export struct {
	MadeAt        time.Time
	User          users.User
	Sessions      []users.Session
	Profile       matching.Profile    // with a zero ID if the user never saved one
	Interests     []matching.Interest // all picked interests, inactive ones included
	Wallet        reservations.Funds
	Transactions  []tokens.Transaction // newest first
	Conversations []Conversation       // newest activity first
	Reservations  []reservations.View
	Reports       []moderation.Report // filed by the user; without the reviewer and the notes
	Blocks        []matching.BlockedPerson
	Sanctions     []moderation.AuditRecord // acts of admins on the account; without the admin
}

// Conversation is one conversation with all its messages.
type Conversation struct {
	Overview messaging.Overview
	Messages []Message // newest first
}

// Message is one message with its image.
type Message struct {
	Message    messaging.Message
	Attachment string // as a data URL, or ""
}

// Export returns all data of the caller, from one snapshot. Errors: users.ErrNotSignedIn.
func (s *Service) Export(ctx context.Context, caller id.User) (Export, error) {
	var e Export
	err := s.deps.Store.Snapshot(ctx, func(ctx context.Context, tx Tx) (err error) {
		e = Export{MadeAt: s.deps.Clock.Now()}
		if e.User, err = users.Active(ctx, tx, caller); err != nil {
			return err
		}
		for _, part := range []func(context.Context, Tx, id.User) error{
			e.account, e.profile, e.wallet, e.conversations, e.reservations, e.moderation,
		} {
			if err := part(ctx, tx, caller); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Export{}, fmt.Errorf("export: %w", err)
	}
	return e, nil
}

func (e *Export) account(ctx context.Context, tx Tx, caller id.User) (err error) {
	e.Sessions, err = page.All(users.PlaceOfSession, func(after *page.Moment, limit int) ([]users.Session, error) {
		return tx.Users().Sessions(ctx, caller, users.SessionFilter{}, after, limit)
	})
	if err != nil {
		return fmt.Errorf("list sessions: %w", err)
	}
	e.Sanctions, err = page.All(moderation.PlaceOfAudit, func(after *page.Moment, limit int) ([]moderation.AuditRecord, error) {
		return tx.Moderation().Audits(ctx, id.Subject(caller), after, limit)
	})
	if err != nil {
		return fmt.Errorf("list audit records: %w", err)
	}
	for i := range e.Sanctions {
		e.Sanctions[i].ActorID = id.User{}
	}
	return nil
}

func (e *Export) profile(ctx context.Context, tx Tx, caller id.User) (err error) {
	e.Profile, e.Interests, err = tx.Matching().Profile(ctx, caller)
	if errors.Is(err, fault.NotFound) {
		e.Profile.UserID = caller
		return nil
	}
	if err != nil {
		return fmt.Errorf("read a profile: %w", err)
	}
	return nil
}

func (e *Export) wallet(ctx context.Context, tx Tx, caller id.User) (err error) {
	if e.Wallet, err = reservations.FundsOf(ctx, tx, caller); err != nil {
		return err
	}
	e.Transactions, err = page.All(tokens.Place, func(below *int64, limit int) ([]tokens.Transaction, error) {
		return tx.Tokens().Transactions(ctx, caller, below, limit)
	})
	if err != nil {
		return fmt.Errorf("list transactions: %w", err)
	}
	return nil
}

func (e *Export) conversations(ctx context.Context, tx Tx, caller id.User) error {
	overviews, err := page.All(messaging.PlaceOfOverview, func(after *page.Moment, limit int) ([]messaging.Overview, error) {
		return tx.Messaging().Overviews(ctx, caller, after, limit)
	})
	if err != nil {
		return fmt.Errorf("list conversations: %w", err)
	}
	for _, o := range overviews {
		c := Conversation{Overview: o}
		list, err := page.All(messaging.PlaceOfMessage, func(after *page.Moment, limit int) ([]messaging.Message, error) {
			_, messages, err := tx.Messaging().History(ctx, o.Conversation.ID, after, limit)
			return messages, err
		})
		if err != nil {
			return fmt.Errorf("list messages: %w", err)
		}
		for _, m := range list {
			exported, err := exportMessage(ctx, tx, m)
			if err != nil {
				return err
			}
			c.Messages = append(c.Messages, exported)
		}
		e.Conversations = append(e.Conversations, c)
	}
	return nil
}

func exportMessage(ctx context.Context, tx Tx, m messaging.Message) (Message, error) {
	if m.Attachment == "" {
		return Message{Message: m}, nil
	}
	a, err := tx.Messaging().Attachment(ctx, m.ID)
	if err != nil {
		return Message{}, fmt.Errorf("read an attachment: %w", err)
	}
	return Message{Message: m, Attachment: a.DataURL()}, nil
}

func (e *Export) reservations(ctx context.Context, tx Tx, caller id.User) (err error) {
	e.Reservations, err = page.All(reservations.PlaceOfView, func(after *page.Moment, limit int) ([]reservations.View, error) {
		all, err := tx.Reservations().Of(ctx, caller, "", after, limit)
		if err != nil {
			return nil, err
		}
		return reservations.Views(ctx, tx, caller, all...)
	})
	if err != nil {
		return fmt.Errorf("list reservations: %w", err)
	}
	return nil
}

func (e *Export) moderation(ctx context.Context, tx Tx, caller id.User) (err error) {
	e.Reports, err = page.All(moderation.PlaceOfReport, func(after *page.Moment, limit int) ([]moderation.Report, error) {
		return tx.Moderation().ReportsBy(ctx, caller, after, limit)
	})
	if err != nil {
		return fmt.Errorf("list reports: %w", err)
	}
	for i := range e.Reports {
		e.Reports[i] = e.Reports[i].ForReporter()
	}
	e.Blocks, err = page.All(matching.PlaceOfBlocked, func(after *page.Moment, limit int) ([]matching.BlockedPerson, error) {
		return matching.BlocksOf(ctx, tx, caller, after, limit)
	})
	return err
}
