package memory

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
)

func (s *state) addSanction(sanction moderation.Sanction) error {
	switch {
	case s.sanctions.has(idKey(sanction.ID)):
		return taken("a sanction")
	case !s.users.has(idKey(sanction.UserID)):
		return noTarget("a sanction's person")
	case !s.users.has(idKey(sanction.CreatedBy)), !sanction.DecidedBy.IsZero() && !s.users.has(idKey(sanction.DecidedBy)):
		return noTarget("a sanction's admin")
	case !sanction.Kind.Valid():
		return broken("a sanction's kind must be valid")
	}
	s.sanctions.put(idKey(sanction.ID), &sanction)
	s.sanctionsOf.put(idKey(sanction.UserID)+momentKey(moderation.PlaceOfSanction(sanction)), struct{}{})
	return nil
}

func (t *moderationTables) sanction(sanction [16]byte) (moderation.Sanction, bool) {
	s, found := t.sanctions.get(idKey(sanction))
	if !found {
		return moderation.Sanction{}, false
	}
	return *s, true
}

func (repo moderationRepository) AddSanction(ctx context.Context, sanction moderation.Sanction) error {
	return repo.write(ctx, func(s *state) error { return s.addSanction(sanction) })
}

func (repo moderationRepository) Sanction(
	ctx context.Context, sanction id.Sanction,
) (there moderation.Sanction, err error) {
	err = repo.read(ctx, func(s *state) error {
		var found bool
		if there, found = s.sanction(sanction); !found {
			return notFound("a sanction")
		}
		return nil
	})
	return there, err
}

func (repo moderationRepository) SaveSanction(ctx context.Context, sanction moderation.Sanction) error {
	return repo.write(ctx, func(s *state) error {
		next, found := s.sanction(sanction.ID)
		if !found {
			return nil
		}
		next.Appeal, next.AppealedAt = sanction.Appeal, sanction.AppealedAt
		next.Outcome, next.Answer = sanction.Outcome, sanction.Answer
		next.DecidedBy, next.DecidedAt = sanction.DecidedBy, sanction.DecidedAt
		s.sanctions.put(idKey(next.ID), &next)
		return nil
	})
}

func (repo moderationRepository) Sanctions(
	ctx context.Context, user id.User, after *page.Moment, limit int,
) (list []moderation.Sanction, err error) {
	err = repo.read(ctx, func(s *state) error {
		list = newest(&s.sanctionsOf, idKey(user), after, limit, s.sanction)
		return nil
	})
	return list, err
}
