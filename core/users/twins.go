package users

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/text"
)

// Twins are accounts whose addresses were different by the rules of an earlier version, and are the
// same by text.FoldAddress. Migrating a store marks all but one of them.

// HoldTwin holds an account that is a twin, or that has twins, and the others with the same
// address. Errors: ErrNotFound, ErrNoTwin.
func HoldTwin(ctx context.Context, tx Tx, user id.User) (User, error) {
	u, err := tx.Users().User(ctx, user)
	if errors.Is(err, fault.NotFound) {
		return User{}, ErrNotFound
	}
	if err != nil {
		return User{}, fmt.Errorf("read a user: %w", err)
	}
	all, err := holdWithAddress(ctx, tx, text.FoldAddress(u.Email))
	if err != nil {
		return User{}, err
	}
	for _, held := range all {
		if held.ID == user {
			return held, CheckTwin(ctx, tx, held)
		}
	}
	return User{}, ErrNoTwin
}

// CheckTwin returns ErrNoTwin unless an account is a twin or has twins.
func CheckTwin(ctx context.Context, tx Tx, u User) error {
	if u.Email == "" {
		return ErrNoTwin
	}
	all, err := tx.Users().WithAddress(ctx, text.FoldAddress(u.Email))
	if err != nil {
		return fmt.Errorf("look up an address: %w", err)
	}
	if !u.Twin && len(all) < 2 {
		return ErrNoTwin
	}
	return nil
}

// ChangeTwin gives an account that HoldTwin returned another address, after which it is no twin.
// Open password resets end. Errors: fault.Invalid on email, ErrEmailTaken.
func ChangeTwin(ctx context.Context, tx Tx, u User, email string, at time.Time) (User, error) {
	var f fault.Fields
	before := text.FoldAddress(u.Email)
	u.Email, u.Twin, u.UpdatedAt = text.Address(&f, "email", email, MaxEmail), false, clock.Truncate(at)
	u.EmailVerifiedAt = time.Time{}
	if err := f.Err(); err != nil {
		return User{}, err
	}
	others, err := tx.Users().WithAddress(ctx, text.FoldAddress(u.Email))
	if err != nil {
		return User{}, fmt.Errorf("look up an address: %w", err)
	}
	for _, other := range others {
		if other.ID != u.ID {
			return User{}, ErrEmailTaken
		}
	}
	saved, err := tx.Users().SetEmail(ctx, u)
	if err != nil {
		return User{}, fmt.Errorf("set an address: %w", err)
	}
	if !saved {
		return User{}, ErrEmailTaken
	}
	u.Version++
	if err := tx.Users().DropResets(ctx, u.ID); err != nil {
		return User{}, fmt.Errorf("drop resets: %w", err)
	}
	if err := tx.Idempotency().Forget(ctx, signUpOwner(before)); err != nil {
		return User{}, fmt.Errorf("forget idempotency keys: %w", err)
	}
	return u, SettleTwins(ctx, tx, before, at)
}

// SettleTwins unmarks the twin with an address, if no other account has the same address any more.
func SettleTwins(ctx context.Context, tx Tx, address text.Folded, at time.Time) error {
	all, err := holdWithAddress(ctx, tx, address)
	if err != nil || len(all) != 1 || !all[0].Twin {
		return err
	}
	u := all[0]
	u.Twin, u.UpdatedAt = false, clock.Truncate(at)
	if _, err := tx.Users().SetEmail(ctx, u); err != nil {
		return fmt.Errorf("unmark a twin: %w", err)
	}
	return nil
}

// holdWithAddress holds the accounts with an address. No account has the empty one.
func holdWithAddress(ctx context.Context, tx Tx, address text.Folded) (held []User, err error) {
	all, err := tx.Users().WithAddress(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("look up an address: %w", err)
	}
	for _, u := range all {
		u, err := tx.Users().Hold(ctx, u.ID)
		if err != nil {
			return nil, fmt.Errorf("hold a user: %w", err)
		}
		if text.FoldAddress(u.Email) == address {
			held = append(held, u)
		}
	}
	return held, nil
}
