package privacy

import (
	"context"
	"errors"
	"fmt"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
)

// Tx holds the repositories that this domain uses in a unit of work, which are those of all
// domains.
type Tx = notifications.Tx

// Deps are the parts of a Service. All are needed. services.New makes them for all services.
type Deps struct {
	Store  *uow.Store[Tx]
	Ledger *tokens.Ledger
	Guard  *users.Guard
	Images messaging.Images
	Clock  clock.Clock
	IDs    id.Source
}

// Service exports and erases the data of users.
type Service struct{ deps Deps }

// NewService returns a Service, or an error that names the parts that are missing.
func NewService(d Deps) (*Service, error) {
	if err := fault.Missing("privacy", d); err != nil {
		return nil, err
	}
	return &Service{d}, nil
}

// Erase erases the caller's account. It checks the password, if the account has one. In one unit of
// work it then cancels and refunds the caller's reservations that have not begun, closes and
// empties the wallet, and removes the name, address, profile, blocks, preferences, password and sessions.
// Messages, reservations, reports and transactions stay, of a user with the name "deleted". Errors:
// fault.Invalid on password if it is wrong, users.ErrTooManyTries, users.ErrLastAdmin,
// users.ErrNotSignedIn.
func (s *Service) Erase(ctx context.Context, caller id.User, password string, from users.Device) error {
	var u users.User
	var confirmed users.PasswordHash
	err := s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
		if u, err = users.Admitted(ctx, tx, caller); err != nil {
			return err
		}
		confirmed, err = tx.Users().Password(ctx, caller)
		return err
	})
	if err != nil {
		return fmt.Errorf("erase an account: %w", err)
	}
	if !confirmed.IsZero() {
		if err := s.deps.Guard.Confirm(ctx, u, confirmed, from, "password", password); err != nil {
			return err
		}
	}
	err = s.deps.Store.Do(events.WithoutRefusal(ctx), func(ctx context.Context, tx Tx) error {
		return s.erase(ctx, tx, caller, func(u users.User) error {
			if err := u.CheckAdmitted(); err != nil {
				return err
			}
			return users.CheckPasswordUnchanged(ctx, tx, caller, confirmed, "password")
		})
	})
	if err != nil {
		return fmt.Errorf("erase an account: %w", err)
	}
	return nil
}

// EraseTwin erases an account that has a twin (see users.HoldTwin), as Erase does. It is for the
// operator of the server, and checks no caller and no password. If it is interrupted, the account
// may be erased while its last twin is still marked as one. Errors: users.ErrNotFound,
// users.ErrNoTwin, users.ErrLastAdmin.
func (s *Service) EraseTwin(ctx context.Context, user id.User) error {
	var address text.Folded
	err := s.deps.Store.Do(events.WithoutRefusal(ctx), func(ctx context.Context, tx Tx) error {
		err := s.erase(ctx, tx, user, func(u users.User) error {
			address = text.FoldAddress(u.Email)
			return users.CheckTwin(ctx, tx, u)
		})
		if err != nil {
			return err
		}
		return moderation.Record(ctx, tx, s.deps.IDs, moderation.AuditRecord{
			Action: moderation.ActionUserErased, SubjectID: id.Subject(user), Reason: "by the operator", CreatedAt: s.deps.Clock.Now(),
		})
	})
	if err == nil {
		err = s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) error {
			return users.SettleTwins(ctx, tx, address, s.deps.Clock.Now())
		})
	}
	if err != nil {
		return fmt.Errorf("erase a twin: %w", err)
	}
	return nil
}

// erase erases an account that it holds, if allow returns nil for it.
func (s *Service) erase(ctx context.Context, tx Tx, user id.User, allow func(u users.User) error) error {
	u, otherAdmins, err := tx.Users().HoldWithAdmins(ctx, user)
	switch {
	case errors.Is(err, fault.NotFound):
		return users.ErrNotFound
	case err != nil:
		return fmt.Errorf("hold a user: %w", err)
	case u.IsActive && u.Role == users.RoleAdmin && otherAdmins == 0:
		return users.ErrLastAdmin
	}
	if err := allow(u); err != nil {
		return err
	}
	refunds, err := reservations.CancelAllOf(ctx, tx, s.deps.IDs, s.deps.Clock, user)
	if err != nil {
		return err
	}
	if err := s.deps.Ledger.Close(ctx, tx, user, s.deps.Clock.Now(), refunds...); err != nil {
		return err
	}
	if err := tx.Matching().DropProfile(ctx, user); err != nil {
		return fmt.Errorf("drop a profile: %w", err)
	}
	if err := tx.Moderation().DropBlocks(ctx, user); err != nil {
		return fmt.Errorf("drop blocks: %w", err)
	}
	if err := tx.Notifications().Drop(ctx, user); err != nil {
		return fmt.Errorf("drop preferences and notices: %w", err)
	}
	return users.Erase(ctx, tx, s.deps.IDs, u, s.deps.Clock.Now())
}
