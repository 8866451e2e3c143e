package users

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/text"
)

// requestMail adds the event that requests mail of a kind to the active account with an address. It
// does the same work if there is none: the event then names no account.
func requestMail(ctx context.Context, tx Tx, ids id.Source, at time.Time, kind MailKind, email string) error {
	var to id.User
	if text.Valid(email) {
		u, _, err := tx.Users().ByEmail(ctx, email)
		if err != nil && !errors.Is(err, fault.NotFound) {
			return fmt.Errorf("look up an address: %w", err)
		}
		if err == nil && u.IsActive {
			to = u.ID
		}
	}
	return events.Add(ctx, tx, ids, at, 1, events.MailRequested{Kind: string(kind), MailID: id.Mail(ids.Next()), UserID: to})
}

// SendMail sends the mail that an event of the type events.TypeMailRequested requests. A relay calls
// it: see MailSubscriber. It makes the text's data, also the secret of a reset, only now, so that
// none waits in the store. It does nothing if there is no such account or the account is inactive. It
// may be called again for an event. Errors: those of Mailer.Send, and those of the store.
func (s *Service) SendMail(ctx context.Context, e events.Event) error {
	requested, ok := e.Data.(events.MailRequested)
	if !ok {
		return fmt.Errorf("send mail: version %d of the event %s is not known", e.Version, e.Type)
	}
	if requested.UserID.IsZero() {
		return nil
	}
	var m Mail
	var err error
	switch kind := MailKind(requested.Kind); kind {
	case MailPasswordReset:
		m, err = s.openReset(ctx, e.ID, requested.UserID)
	case MailWrongPasswords:
		m, err = s.warning(ctx, requested.UserID)
	default:
		err = fmt.Errorf("there is no mail of the kind %q", kind)
	}
	if err == nil && m.To != "" {
		err = s.deps.Mailer.Send(ctx, m)
	}
	if err != nil {
		return fmt.Errorf("send mail of the kind %s: %w", requested.Kind, err)
	}
	return nil
}

// openedReset is a reset whose mail may have to be sent again.
type openedReset struct {
	event   id.Event // which requested it
	secret  string
	hash    SecretHash
	expires time.Time
}

// openReset opens a reset of an account, and returns the mail with its secret, or no mail if there is
// no such account that is active. While the mail of one event is tried again, it has the same secret,
// so that the tries do not use up Policy.OpenResets.
func (s *Service) openReset(ctx context.Context, event id.Event, user id.User) (Mail, error) {
	s.opening.Lock()
	defer s.opening.Unlock()
	now, lifetime := s.deps.Clock.Now(), s.deps.Policy.ResetLifetime
	reset := s.opened
	var to User
	err := s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) error {
		to = User{}
		held, err := tx.Users().Hold(ctx, user)
		if errors.Is(err, fault.NotFound) || err == nil && !held.IsActive {
			return nil
		}
		if err != nil {
			return fmt.Errorf("hold a user: %w", err)
		}
		to = held
		if reset.event == event && now.Add(lifetime/2).Before(reset.expires) {
			if _, err = tx.Users().Reset(ctx, reset.hash); !errors.Is(err, fault.NotFound) {
				return err
			}
		}
		reset = openedReset{event: event, expires: now.Add(lifetime)}
		reset.secret, reset.hash = newSecret()
		r := Reset{ID: id.Reset(s.deps.IDs.Next()), UserID: user, Hash: reset.hash, ExpiresAt: reset.expires}
		if err := tx.Users().AddReset(ctx, r, s.deps.Policy.OpenResets); err != nil {
			return fmt.Errorf("add a reset: %w", err)
		}
		return nil
	})
	if err != nil || to.Email == "" {
		return Mail{}, err
	}
	s.opened = reset
	data := PasswordResetMail{Secret: reset.secret, Minutes: int(reset.expires.Sub(now).Minutes())}
	if s.deps.Policy.ResetURL != "" {
		data.Link = s.deps.Policy.ResetURL + reset.secret
	}
	return Mail{To: to.Email, Kind: MailPasswordReset, Locale: to.Locale, Data: data}, nil
}

// warning returns the mail about wrong passwords, or no mail if there is no such account that is
// active.
func (s *Service) warning(ctx context.Context, user id.User) (m Mail, err error) {
	err = s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) error {
		u, err := tx.Users().User(ctx, user)
		if errors.Is(err, fault.NotFound) || err == nil && !u.IsActive {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read a user: %w", err)
		}
		m = Mail{To: u.Email, Kind: MailWrongPasswords, Locale: u.Locale, Data: WrongPasswordsMail{Wrong: s.deps.Policy.MaxWrong}}
		return nil
	})
	return m, err
}
