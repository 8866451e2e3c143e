package privacy

import (
	"context"
	"errors"
	"fmt"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
)

// Tx holds the repositories that this domain uses in a unit of work, which are those of all
// domains.
type Tx = reservations.Tx

// Deps are the parts of a Service. All are needed. services.New makes them for all services.
type Deps struct {
	Store     *uow.Store[Tx]
	Ledger    *tokens.Ledger
	Passwords *users.Passwords
	Clock     clock.Clock
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
// empties the wallet, and removes the name, address, profile, blocks, password and sessions.
// Messages, reservations, reports and transactions stay, of a user with the name "deleted". Errors:
// fault.Invalid on password if it is wrong, users.ErrLastAdmin, users.ErrNotSignedIn.
func (s *Service) Erase(ctx context.Context, caller id.User, password string) error {
	var confirmed users.PasswordHash
	err := s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
		if _, err = users.Active(ctx, tx, caller); err != nil {
			return err
		}
		confirmed, err = tx.Users().Password(ctx, caller)
		return err
	})
	if err != nil {
		return fmt.Errorf("erase an account: %w", err)
	}
	if !confirmed.IsZero() {
		if err := s.deps.Passwords.Confirm(ctx, confirmed, "password", password); err != nil {
			return err
		}
	}
	err = s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) error { return s.erase(ctx, tx, caller, confirmed) })
	if err != nil {
		return fmt.Errorf("erase an account: %w", err)
	}
	return nil
}

func (s *Service) erase(ctx context.Context, tx Tx, caller id.User, confirmed users.PasswordHash) error {
	u, otherAdmins, err := tx.Users().HoldWithAdmins(ctx, caller)
	switch {
	case errors.Is(err, fault.NotFound) || err == nil && !u.IsActive:
		return users.ErrNotSignedIn
	case err != nil:
		return fmt.Errorf("hold a user: %w", err)
	case u.Role == users.RoleAdmin && otherAdmins == 0:
		return users.ErrLastAdmin
	}
	if err := users.CheckPasswordUnchanged(ctx, tx, caller, confirmed, "password"); err != nil {
		return err
	}
	refunds, err := reservations.CancelAllOf(ctx, tx, s.deps.Clock, caller)
	if err != nil {
		return err
	}
	if err := s.deps.Ledger.Close(ctx, tx, caller, s.deps.Clock.Now(), refunds...); err != nil {
		return err
	}
	if err := tx.Matching().DropProfile(ctx, caller); err != nil {
		return fmt.Errorf("drop a profile: %w", err)
	}
	if err := tx.Moderation().DropBlocks(ctx, caller); err != nil {
		return fmt.Errorf("drop blocks: %w", err)
	}
	return users.Erase(ctx, tx, u, s.deps.Clock.Now())
}
