package matching

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
)

// Deps are the parts of a Service. All are needed. services.New makes them for all services.
type Deps struct {
	Store *uow.Store[Tx]
	Clock clock.Clock
	IDs   id.Source
}

// Service keeps profiles and interests, and finds matches and places. Its methods, except
// Interests, return users.ErrNotSignedIn if the account of the caller is not active. Methods with a
// parameter admin return users.ErrAdminsOnly if that user is not an admin.
type Service struct{ deps Deps }

// NewService returns a Service, or an error that names the parts that are missing.
func NewService(d Deps) (*Service, error) {
	if err := fault.Missing("matching", d); err != nil {
		return nil, err
	}
	return &Service{d}, nil
}

// ProfileWithInterests is a profile with its active interests, by name.
type ProfileWithInterests struct {
	Profile   Profile
	Interests []Interest
}

// MyProfile returns the caller's own profile. It is empty, with a zero ID, if the caller never
// saved one.
func (s *Service) MyProfile(ctx context.Context, caller id.User) (ProfileWithInterests, error) {
	var p ProfileWithInterests
	err := s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
		if err := users.CheckActive(ctx, tx, caller); err != nil {
			return err
		}
		p, err = LoadProfile(ctx, tx, caller)
		return err
	})
	return p, err
}

// LoadProfile returns the profile of a user with its active interests, inside a unit of work. It is
// empty if the user never saved one.
func LoadProfile(ctx context.Context, tx Tx, user id.User) (ProfileWithInterests, error) {
	p, interests, err := tx.Matching().Profile(ctx, user)
	if errors.Is(err, fault.NotFound) {
		return ProfileWithInterests{Profile: Profile{UserID: user}}, nil
	}
	if err != nil {
		return ProfileWithInterests{}, fmt.Errorf("read a profile: %w", err)
	}
	return ProfileWithInterests{Profile: p, Interests: active(interests)}, nil
}

func active(interests []Interest) []Interest {
	return slices.DeleteFunc(interests, func(i Interest) bool { return !i.IsActive })
}

// SaveProfile replaces the caller's whole profile and the interests that they picked. It ignores
// p.ID and p.UserID. Picked interests that have become inactive stay linked, so that they are shown
// again if they become active. SaveProfile may run more than once. Errors: fault.Invalid with the
// names of the fields.
func (s *Service) SaveProfile(
	ctx context.Context, caller id.User, p Profile, picked []id.Interest,
) (ProfileWithInterests, error) {
	var f fault.Fields
	p = p.prepared(&f)
	f.Check(len(picked) <= MaxInterests, "interest_ids", fmt.Sprintf("must have at most %d items", MaxInterests))
	if err := f.Err(); err != nil {
		return ProfileWithInterests{}, err
	}
	picked = unique(picked)
	var saved ProfileWithInterests
	err := s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) error {
		// Held, so that a concurrent erasure cannot leave a profile behind.
		u, err := users.HoldActive(ctx, tx, caller)
		if err != nil {
			return err
		}
		chosen, err := tx.Matching().Interests(ctx, picked...)
		if err != nil {
			return fmt.Errorf("read interests: %w", err)
		}
		if len(active(slices.Clone(chosen))) != len(picked) {
			return fault.InvalidField("interest_ids", "must be of active interests only")
		}
		before, linked, err := tx.Matching().Profile(ctx, caller)
		switch {
		case errors.Is(err, fault.NotFound):
			before.ID = id.Profile(s.deps.IDs.Next())
		case err != nil:
			return fmt.Errorf("read a profile: %w", err)
		}
		keep := picked
		for _, i := range linked {
			if !i.IsActive {
				keep = append(slices.Clone(keep), i.ID)
			}
		}
		p.ID, p.UserID = before.ID, caller
		if err := tx.Matching().SaveProfile(ctx, p, keep); err != nil {
			return fmt.Errorf("save a profile: %w", err)
		}
		if u, err = users.Touch(ctx, tx, u); err != nil {
			return err
		}
		if err := events.Add(ctx, tx, s.deps.IDs, s.deps.Clock.Now(), u.Version, events.ProfileChanged{UserID: caller}); err != nil {
			return err
		}
		saved = ProfileWithInterests{Profile: p, Interests: chosen}
		return nil
	})
	return saved, err
}

func unique(ids []id.Interest) []id.Interest {
	sorted := slices.SortedFunc(slices.Values(ids), id.Interest.Compare)
	return slices.Compact(sorted)
}

// ForOthers returns the part of a portrait that other users see.
func (p ProfileWithInterests) ForOthers() ProfileWithInterests {
	p.Profile = p.Profile.forOthers()
	return p
}

// Matches searches for other users, those who share the most interests with the caller first.
// Errors: fault.Invalid with the names of the fields.
func (s *Service) Matches(ctx context.Context, caller id.User, search Search, r page.Request[Rank]) (page.Page[Match, Rank], error) {
	var p page.Page[Match, Rank]
	var f fault.Fields
	search.Check(&f)
	if err := f.Err(); err != nil {
		return p, err
	}
	q := Query{
		Viewer: caller, Country: text.SearchFold(search.Country), City: text.SearchFold(search.City),
		Interests: unique(search.Interests), MinAge: search.MinAge, MaxAge: search.MaxAge,
	}
	err := s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
		if err := users.CheckActive(ctx, tx, caller); err != nil {
			return err
		}
		p, err = page.Read(r, PlaceOfMatch, func(after *Rank, limit int) ([]Match, error) {
			return tx.Matching().Search(ctx, q, after, limit)
		})
		return err
	})
	for i := range p.Items {
		p.Items[i].Profile = p.Items[i].Profile.forOthers()
	}
	return p, err
}
