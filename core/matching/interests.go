package matching

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/users"
)

// InterestFilter selects interests. The zero value selects all.
type InterestFilter struct {
	Query string // matches any part of the name, by text.SearchFold
}

// Check adds an error to f for each field that breaks a rule.
func (i InterestFilter) Check(f *fault.Fields) {
	text.Line(f, "q", i.Query, text.Optional, MaxInterest)
}

// Interests lists the active interests that the filter selects, by name. It needs no caller.
// Errors: fault.Invalid with the names of the fields.
func (s *Service) Interests(ctx context.Context, i InterestFilter, r page.Request[NamePlace]) (page.Page[Interest, NamePlace], error) {
	var f fault.Fields
	i.Check(&f)
	if err := f.Err(); err != nil {
		return page.Page[Interest, NamePlace]{}, err
	}
	part := text.SearchFold(i.Query)
	return s.interests(ctx, r, func(ctx context.Context, tx Tx, after *NamePlace, limit int) ([]Interest, error) {
		if part == (text.Searched{}) {
			return tx.Matching().AllInterests(ctx, true, after, limit)
		}
		return interestsWith(ctx, tx, part, after, limit)
	})
}

// batch is the number of interests that interestsWith reads at once: nearly always all of them.
const batch = 500

// interestsWith lists active interests with part in their name. A community has so few interests
// that no store keeps a text of their names to search in.
func interestsWith(ctx context.Context, tx Tx, part text.Searched, after *NamePlace, limit int) (found []Interest, err error) {
	for {
		all, err := tx.Matching().AllInterests(ctx, true, after, batch)
		if err != nil {
			return nil, err
		}
		for _, i := range all {
			if len(found) == limit {
				return found, nil
			}
			if strings.Contains(text.SearchFold(i.Name).String(), part.String()) {
				found = append(found, i)
			}
		}
		if len(all) < batch {
			return found, nil
		}
		last := PlaceOfInterest(all[len(all)-1])
		after = &last
	}
}

// AllInterests lists all interests by name. Errors: users.ErrAdminsOnly.
func (s *Service) AllInterests(ctx context.Context, admin id.User, r page.Request[NamePlace]) (page.Page[Interest, NamePlace], error) {
	return s.interests(ctx, r, func(ctx context.Context, tx Tx, after *NamePlace, limit int) ([]Interest, error) {
		if _, err := users.Admin(ctx, tx, admin); err != nil {
			return nil, err
		}
		return tx.Matching().AllInterests(ctx, false, after, limit)
	})
}

func (s *Service) interests(
	ctx context.Context, r page.Request[NamePlace], fetch func(context.Context, Tx, *NamePlace, int) ([]Interest, error),
) (page.Page[Interest, NamePlace], error) {
	var p page.Page[Interest, NamePlace]
	err := s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
		p, err = page.Read(r, PlaceOfInterest, func(after *NamePlace, limit int) ([]Interest, error) {
			return fetch(ctx, tx, after, limit)
		})
		return err
	})
	return p, err
}

// InterestChange is a change of an interest by an admin. A nil field stays as it is; in a new
// interest it has its default: no icon, active.
type InterestChange struct {
	Name     *string
	Icon     *string
	IsActive *bool
}

// Check adds an error to f for each field that breaks a rule.
func (c InterestChange) Check(f *fault.Fields) { c.apply(f, new(Interest)) }

// apply changes an interest, and adds an error to f for each field that breaks a rule. An interest
// that gets another name is no twin any more.
func (c InterestChange) apply(f *fault.Fields, i *Interest) {
	if c.Name != nil {
		name := text.Line(f, "name", *c.Name, text.Required, MaxInterest)
		i.Twin = i.Twin && text.Fold(name) == text.Fold(i.Name)
		i.Name = name
	}
	if c.Icon != nil {
		i.Icon = text.Line(f, "icon", *c.Icon, text.Optional, MaxIcon)
	}
	if c.IsActive != nil {
		i.IsActive = *c.IsActive
	}
}

// keptInterest is what is kept of an interest that was created. The request has the rest.
type keptInterest struct{ ID id.Interest }

func keepInterest(i Interest) keptInterest { return keptInterest{i.ID} }

// CreateInterest adds an interest. Errors: fault.Invalid, users.ErrAdminsOnly, ErrInterestTaken,
// idempotency.ErrKeyReused.
func (s *Service) CreateInterest(ctx context.Context, admin id.User, c InterestChange, key idempotency.Key) (Interest, error) {
	if c.Name == nil {
		c.Name = new(string) // which is refused
	}
	var f fault.Fields
	draft := Interest{IsActive: true}
	c.apply(&f, &draft)
	if err := f.Err(); err != nil {
		return Interest{}, err
	}
	i, _, err := idempotency.Run(ctx, s.deps.Store, s.deps.Clock, idempotency.Command{
		Owner: admin.String(), Key: key, Operation: "matching.CreateInterest", Values: draft,
	}, func(ctx context.Context, tx Tx) error {
		_, err := users.Admin(ctx, tx, admin)
		return err
	}, func(ctx context.Context, tx Tx) (Interest, error) {
		if _, err := users.Admin(ctx, tx, admin); err != nil {
			return Interest{}, err
		}
		i := draft
		i.ID, i.Version = id.Interest(s.deps.IDs.Next()), 1
		created, err := tx.Matching().AddInterest(ctx, i)
		if err != nil {
			return Interest{}, fmt.Errorf("add an interest: %w", err)
		}
		if !created {
			return Interest{}, ErrInterestTaken
		}
		return i, s.record(ctx, tx, admin, moderation.ActionInterestCreated, i)
	}, idempotency.Part(keepInterest, func(_ context.Context, _ Tx, k keptInterest) (Interest, error) {
		i := draft
		i.ID, i.Version = k.ID, 1
		return i, nil
	}))
	if err != nil {
		return Interest{}, fmt.Errorf("create an interest: %w", err)
	}
	return i, nil
}

// ChangeInterest changes an interest. Errors: fault.Invalid, users.ErrAdminsOnly,
// ErrInterestNotFound, ErrInterestTaken.
func (s *Service) ChangeInterest(ctx context.Context, admin id.User, interest id.Interest, c InterestChange) (Interest, error) {
	var f fault.Fields
	c.Check(&f)
	if err := f.Err(); err != nil {
		return Interest{}, err
	}
	var i Interest
	err := s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) error {
		if _, err := users.Admin(ctx, tx, admin); err != nil {
			return err
		}
		before, err := tx.Matching().HoldInterest(ctx, interest)
		if errors.Is(err, fault.NotFound) {
			return ErrInterestNotFound
		}
		if err != nil {
			return fmt.Errorf("hold an interest: %w", err)
		}
		i = before
		c.apply(&f, &i)
		if i == before {
			return nil
		}
		i.Version++
		saved, err := tx.Matching().SaveInterest(ctx, i)
		if err != nil {
			return fmt.Errorf("save an interest: %w", err)
		}
		if !saved {
			return ErrInterestTaken
		}
		return s.record(ctx, tx, admin, moderation.ActionInterestChanged, i)
	})
	if err != nil {
		return Interest{}, fmt.Errorf("change an interest: %w", err)
	}
	return i, nil
}

// record adds the audit record and the event of a change of an interest.
func (s *Service) record(ctx context.Context, tx Tx, admin id.User, action moderation.Action, i Interest) error {
	now := s.deps.Clock.Now()
	if err := events.Add(ctx, tx, s.deps.IDs, now, i.Version, events.InterestChanged{InterestID: i.ID}); err != nil {
		return err
	}
	return moderation.Record(ctx, tx, s.deps.IDs, moderation.AuditRecord{
		ActorID: admin, Action: action, SubjectID: id.Subject(i.ID), CreatedAt: now,
		Details: moderation.Details{"name": i.Name, "icon": i.Icon, "is_active": strconv.FormatBool(i.IsActive)},
	})
}
