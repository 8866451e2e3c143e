package notifications

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
)

// Channel says how a user is notified of a kind.
type Channel string

// The channels.
const (
	Mail Channel = "mail" // the default
	None Channel = "none"
)

// Valid reports whether the channel exists.
func (c Channel) Valid() bool { return c == Mail || c == None }

// Preference is the channel of a kind for a user. It is stored if it is not the default.
type Preference struct {
	UserID  id.User
	Kind    Kind
	Channel Channel
}

// Preferences are the channels of a user, by kind. They have every kind that is optional.
type Preferences map[Kind]Channel

// Check adds an error to f for each optional kind without a valid channel, and for each other kind.
func (p Preferences) Check(f *fault.Fields) {
	for _, k := range kinds {
		if k.Optional() {
			f.Check(p[k].Valid(), string(k), "must be mail or none")
		}
	}
	for k := range p {
		f.Check(k.Optional(), string(k), "is no kind of mail that can be switched off")
	}
}

// preferencesOf returns the preferences of a user from the stored ones.
func preferencesOf(stored []Preference) Preferences {
	p := Preferences{}
	for _, k := range kinds {
		if k.Optional() {
			p[k] = Mail
		}
	}
	for _, s := range stored {
		if s.Kind.Optional() {
			p[s.Kind] = s.Channel
		}
	}
	return p
}

// stored returns the preferences that are not the default, in ascending order of kind.
func (p Preferences) stored(user id.User) (all []Preference) {
	for k, c := range p {
		if c != Mail {
			all = append(all, Preference{UserID: user, Kind: k, Channel: c})
		}
	}
	slices.SortFunc(all, func(a, b Preference) int { return strings.Compare(string(a.Kind), string(b.Kind)) })
	return all
}

// PreferencesOf returns the preferences of a user, inside a unit of work.
func PreferencesOf(ctx context.Context, tx Tx, user id.User) (Preferences, error) {
	stored, err := tx.Notifications().Preferences(ctx, user)
	if err != nil {
		return nil, fmt.Errorf("read preferences: %w", err)
	}
	return preferencesOf(stored), nil
}

// Preferences returns the caller's preferences. Errors: users.ErrNotSignedIn.
func (s *Service) Preferences(ctx context.Context, caller id.User) (p Preferences, err error) {
	err = s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
		if err := users.CheckActive(ctx, tx, caller); err != nil {
			return err
		}
		p, err = PreferencesOf(ctx, tx, caller)
		return err
	})
	return p, err
}

// SetPreferences replaces the caller's preferences. Errors: fault.Invalid (see Preferences.Check),
// users.ErrNotSignedIn.
func (s *Service) SetPreferences(ctx context.Context, caller id.User, p Preferences) error {
	var f fault.Fields
	p.Check(&f)
	if err := f.Err(); err != nil {
		return err
	}
	return s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) error {
		if _, err := users.HoldActive(ctx, tx, caller); err != nil {
			return err
		}
		return save(ctx, tx, caller, p)
	})
}

func save(ctx context.Context, tx Tx, user id.User, p Preferences) error {
	if err := tx.Notifications().SavePreferences(ctx, user, p.stored(user)...); err != nil {
		return fmt.Errorf("save preferences: %w", err)
	}
	return nil
}

// Unsubscribe switches off mail of a kind for a user. It is for the address in a mail, which needs
// no sign-in: the transport has verified it. If the account is inactive, it does the same; if it was
// erased or does not exist, or if the kind is not optional, it does nothing. It may be called more
// than once.
func (s *Service) Unsubscribe(ctx context.Context, user id.User, kind Kind) error {
	if !kind.Optional() {
		return nil
	}
	return s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) error {
		u, err := tx.Users().Hold(ctx, user)
		switch {
		case errors.Is(err, fault.NotFound):
			return nil
		case err != nil:
			return fmt.Errorf("hold a user: %w", err)
		case u.Erased:
			return nil
		}
		p, err := PreferencesOf(ctx, tx, user)
		if err != nil {
			return err
		}
		p[kind] = None
		return save(ctx, tx, user, p)
	})
}
