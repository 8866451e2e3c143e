package porttest_test

import (
	"context"
	"errors"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/users"
)

// ignoresBlocks shows users as if there were no blocks.
type ignoresBlocks struct {
	matching.Repository
	users users.Repository
}

func (r ignoresBlocks) Sight(ctx context.Context, viewer, user id.User) (matching.Sight, error) {
	s, err := r.Repository.Sight(ctx, viewer, user)
	s.Blocked = false
	return s, err
}

func (r ignoresBlocks) People(ctx context.Context, viewer id.User, ids ...id.User) (people []matching.Person, err error) {
	for _, user := range ids {
		account, err := r.users.User(ctx, user)
		if errors.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		p, _, err := r.Profile(ctx, user)
		if err != nil && !errors.Is(err, fault.NotFound) {
			return nil, err
		}
		s, err := r.Sight(ctx, viewer, user)
		if err != nil {
			return nil, err
		}
		people = append(people, s.Person(account, p))
	}
	return people, nil
}

// opensForWrites reports that each participant of a conversation has written to the other.
type opensForWrites struct {
	matching.Repository
	messaging messaging.Repository
}

func (r opensForWrites) Sight(ctx context.Context, viewer, user id.User) (matching.Sight, error) {
	s, err := r.Repository.Sight(ctx, viewer, user)
	if err != nil {
		return s, err
	}
	for _, pair := range [][2]id.User{{viewer, user}, {user, viewer}} {
		_, err := r.messaging.ConversationOf(ctx, pair[0], pair[1])
		if err != nil && !errors.Is(err, fault.NotFound) {
			return s, err
		}
		s.Wrote = s.Wrote || err == nil
	}
	return s, nil
}
