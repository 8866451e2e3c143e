package memory

import (
	"context"
	"slices"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
)

// The methods of users.Repository for second factors.
type secondFactorTables struct {
	secondFactors tree[*users.SecondFactor] // user_id
}

func (t *secondFactorTables) copy() secondFactorTables {
	return secondFactorTables{secondFactors: t.secondFactors.copy()}
}

func (s *state) addSecondFactor(f users.SecondFactor) error {
	switch {
	case s.secondFactors.has(idKey(f.UserID)):
		return taken("a second factor")
	case !s.users.has(idKey(f.UserID)):
		return noTarget("a second factor's user")
	}
	s.putSecondFactor(f)
	return nil
}

func (t *secondFactorTables) putSecondFactor(f users.SecondFactor) {
	f.Secret, f.RecoveryCodes = slices.Clone(f.Secret), slices.Clone(f.RecoveryCodes)
	t.secondFactors.put(idKey(f.UserID), &f)
}

func (repo usersRepository) SecondFactor(ctx context.Context, user id.User) (f users.SecondFactor, err error) {
	err = repo.read(ctx, func(s *state) error {
		there, found := s.secondFactors.get(idKey(user))
		if !found {
			return notFound("a second factor")
		}
		f = *there
		f.Secret, f.RecoveryCodes = slices.Clone(f.Secret), slices.Clone(f.RecoveryCodes)
		return nil
	})
	return f, err
}

func (repo usersRepository) SaveSecondFactor(ctx context.Context, f users.SecondFactor) error {
	return repo.write(ctx, func(s *state) error {
		s.secondFactors.drop(idKey(f.UserID))
		return s.addSecondFactor(f)
	})
}

func (repo usersRepository) UseStep(ctx context.Context, user id.User, step int64) (used bool, err error) {
	err = repo.write(ctx, func(s *state) error {
		there, found := s.secondFactors.get(idKey(user))
		if used = found && there.LastStep < step; used {
			f := *there
			f.LastStep = step
			s.putSecondFactor(f)
		}
		return nil
	})
	return used && err == nil, err
}

func (repo usersRepository) UseRecoveryCode(ctx context.Context, user id.User, hash string) (used bool, err error) {
	err = repo.write(ctx, func(s *state) error {
		there, found := s.secondFactors.get(idKey(user))
		if used = found && slices.Contains(there.RecoveryCodes, hash); used {
			f := *there
			f.RecoveryCodes = slices.DeleteFunc(slices.Clone(f.RecoveryCodes), func(h string) bool { return h == hash })
			s.putSecondFactor(f)
		}
		return nil
	})
	return used && err == nil, err
}

func (repo usersRepository) DropSecondFactor(ctx context.Context, user id.User) error {
	return repo.write(ctx, func(s *state) error {
		s.secondFactors.drop(idKey(user))
		return nil
	})
}
