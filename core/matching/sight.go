package matching

import (
	"context"
	"fmt"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
)

// Sight holds the facts that decide what a viewer sees of another user. Its methods are the rules
// of core/README.md#who-sees-whom.
type Sight struct {
	Active     bool // the other's account is active
	Blocked    bool // one of the two has blocked the other
	Searchable bool // the other's profile is searchable
	Wrote      bool // the other has written to the viewer in a conversation
}

// Reachable reports whether the viewer can write to the other in a conversation of the two.
func (s Sight) Reachable() bool { return s.Active && !s.Blocked }

// Findable reports whether the viewer can find the other, and open a conversation.
func (s Sight) Findable() bool { return s.Reachable() && s.Searchable }

// Profile reports whether the viewer sees the other's profile.
func (s Sight) Profile() bool { return s.Reachable() && (s.Searchable || s.Wrote) }

// Person returns the other as the viewer sees them. It uses only the ID and the Name of the
// account, and only the FirstName and the ImageURL of the profile, which may be empty.
func (s Sight) Person(account users.User, p Profile) Person {
	seen := Person{UserID: account.ID, FirstName: p.FirstName}
	if seen.FirstName == "" {
		seen.FirstName = account.FirstName()
	}
	if s.Profile() {
		seen.ImageURL = p.ImageURL
	}
	return seen
}

// Person is what a viewer sees of the other participant of a conversation or a reservation, or of a
// user whom they block.
type Person struct {
	UserID    id.User
	FirstName string // of the profile, or else of the account
	ImageURL  string // "" if the viewer does not see the profile, or if it has none
}

// Correspondent records that one user has written to another in a conversation. It stays for good.
type Correspondent struct {
	UserID   id.User // the sender
	ReaderID id.User
}

// ProfileOf returns the part of a user's profile that others see. The user may be the caller.
// Errors: ErrProfileNotFound if the caller does not see the profile (Sight.Profile).
func (s *Service) ProfileOf(ctx context.Context, caller, user id.User) (ProfileWithInterests, error) {
	var p ProfileWithInterests
	err := s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) error {
		if err := users.CheckActive(ctx, tx, caller); err != nil {
			return err
		}
		if caller != user {
			sight, err := tx.Matching().Sight(ctx, caller, user)
			if err != nil {
				return fmt.Errorf("look at a user: %w", err)
			}
			if !sight.Profile() {
				return ErrProfileNotFound
			}
		}
		whole, err := LoadProfile(ctx, tx, user)
		p = whole.ForOthers()
		return err
	})
	return p, err
}

// PeopleSeen returns users as a viewer sees them, by their ids, inside a unit of work. It leaves
// out ids that do not exist.
func PeopleSeen(ctx context.Context, tx Tx, viewer id.User, ids ...id.User) (map[id.User]Person, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	people, err := tx.Matching().People(ctx, viewer, ids...)
	if err != nil {
		return nil, fmt.Errorf("read people: %w", err)
	}
	seen := make(map[id.User]Person, len(people))
	for _, p := range people {
		seen[p.UserID] = p
	}
	return seen, nil
}

// BlockedPerson is a block with the person who is blocked.
type BlockedPerson struct {
	Block  moderation.Block
	Person Person
}

// PlaceOfBlocked returns the position of a blocked person in a list.
func PlaceOfBlocked(b BlockedPerson) page.Moment { return moderation.PlaceOfBlock(b.Block) }

// Blocks lists the blocks of the caller, newest first.
func (s *Service) Blocks(
	ctx context.Context, caller id.User, r page.Request[page.Moment],
) (page.Page[BlockedPerson, page.Moment], error) {
	var p page.Page[BlockedPerson, page.Moment]
	err := s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
		if err := users.CheckActive(ctx, tx, caller); err != nil {
			return err
		}
		p, err = page.Read(r, PlaceOfBlocked, func(after *page.Moment, limit int) ([]BlockedPerson, error) {
			return BlocksOf(ctx, tx, caller, after, limit)
		})
		return err
	})
	return p, err
}

// BlocksOf lists up to limit blocks of a user, newest first, inside a unit of work: those after the
// given position, or from the newest if after is nil.
func BlocksOf(ctx context.Context, tx Tx, user id.User, after *page.Moment, limit int) ([]BlockedPerson, error) {
	blocks, err := tx.Moderation().Blocks(ctx, user, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list blocks: %w", err)
	}
	ids := make([]id.User, len(blocks))
	for i, b := range blocks {
		ids[i] = b.BlockedUserID
	}
	people, err := PeopleSeen(ctx, tx, user, ids...)
	if err != nil {
		return nil, err
	}
	blocked := make([]BlockedPerson, len(blocks))
	for i, b := range blocks {
		blocked[i] = BlockedPerson{Block: b, Person: people[b.BlockedUserID]}
	}
	return blocked, nil
}
