package memory

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/users"
)

func (s *state) addCorrespondent(c matching.Correspondent) error {
	switch {
	case s.correspondents.has(idKey(c.UserID) + idKey(c.ReaderID)):
		return taken("a correspondent")
	case !s.users.has(idKey(c.UserID)) || !s.users.has(idKey(c.ReaderID)):
		return noTarget("a correspondent's person")
	case c.UserID == c.ReaderID:
		return broken("the two users of a correspondent must differ")
	}
	s.correspondents.put(idKey(c.UserID)+idKey(c.ReaderID), c)
	return nil
}

// sight returns the facts that decide what a viewer sees of another user.
func (s *state) sight(viewer, user id.User) matching.Sight {
	_, there := s.users.get(idKey(user))
	if !there {
		return matching.Sight{}
	}
	p, found := s.profiles.get(idKey(user))
	return matching.Sight{
		Active: s.isActive(user), Blocked: s.blocked(viewer, user), Searchable: found && p.IsSearchable,
		Wrote: s.correspondents.has(idKey(user) + idKey(viewer)),
	}
}

// person returns an existing user as a viewer sees them.
func (s *state) person(viewer, user id.User) matching.Person {
	account, _ := s.users.get(idKey(user))
	var profile matching.Profile
	if p, found := s.profiles.get(idKey(user)); found {
		profile = p.Profile
	}
	return s.sight(viewer, user).Person(users.User{ID: user, Name: account.Name}, profile)
}

func (repo matchingRepository) Sight(ctx context.Context, viewer, user id.User) (sight matching.Sight, err error) {
	err = repo.read(ctx, func(s *state) error {
		sight = s.sight(viewer, user)
		return nil
	})
	return sight, err
}

func (repo matchingRepository) People(
	ctx context.Context, viewer id.User, ids ...id.User,
) (people []matching.Person, err error) {
	err = repo.read(ctx, func(s *state) error {
		for _, user := range ids {
			if s.users.has(idKey(user)) {
				people = append(people, s.person(viewer, user))
			}
		}
		return nil
	})
	return people, err
}

func (repo matchingRepository) AddCorrespondent(ctx context.Context, c matching.Correspondent) error {
	return repo.write(ctx, func(s *state) error {
		if s.correspondents.has(idKey(c.UserID) + idKey(c.ReaderID)) {
			return nil
		}
		return s.addCorrespondent(c)
	})
}
