package messaging

import (
	"context"
	"fmt"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/users"
)

// ProfileOf returns the part of a user's profile that others see. The user must be the caller,
// share a conversation with the caller, or be one whom the caller could find (see
// matching.Searchable). Errors: matching.ErrProfileNotFound for all other users.
func (s *Service) ProfileOf(ctx context.Context, caller, user id.User) (matching.ProfileWithInterests, error) {
	var p matching.ProfileWithInterests
	err := s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) error {
		if _, err := users.Active(ctx, tx, caller); err != nil {
			return err
		}
		seen, err := sees(ctx, tx, caller, user)
		if err != nil {
			return err
		}
		if !seen {
			return matching.ErrProfileNotFound
		}
		whole, err := matching.LoadProfile(ctx, tx, user)
		p = whole.ForOthers()
		return err
	})
	return p, err
}

// sees reports whether a viewer sees a user's profile. It is not in package matching because it
// depends on conversations.
func sees(ctx context.Context, tx Tx, viewer, user id.User) (bool, error) {
	if viewer == user {
		return true, nil
	}
	acquainted, err := tx.Messaging().Acquainted(ctx, viewer, user)
	if err != nil {
		return false, fmt.Errorf("look for a conversation: %w", err)
	}
	if acquainted {
		return true, nil
	}
	return matching.Searchable(ctx, tx, viewer, user)
}
