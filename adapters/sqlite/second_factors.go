package sqlite

import (
	"context"
	"errors"
	"slices"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// The methods of users.Repository for second factors.

var secondFactors = tableOf(ports.SecondFactorLayout)

func findSecondFactor(ctx context.Context, c *conn, user id.User) (users.SecondFactor, error) {
	f, err := find(ctx, c, secondFactors.scan, "SELECT "+secondFactors.columns+" FROM second_factors WHERE user_id = ?", blob(user))
	return f, orNotFound(err, "a second factor")
}

func saveSecondFactor(ctx context.Context, c *conn, f users.SecondFactor) error {
	_, err := c.exec(ctx, secondFactors.insert+" ON CONFLICT DO UPDATE SET secret = excluded.secret, "+
		"last_step = excluded.last_step, recovery_codes = excluded.recovery_codes", secondFactors.args(f)...)
	return err
}

func (repo usersRepository) SecondFactor(ctx context.Context, user id.User) (f users.SecondFactor, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		f, err = findSecondFactor(ctx, c, user)
		return err
	})
	return f, err
}

func (repo usersRepository) SaveSecondFactor(ctx context.Context, f users.SecondFactor) error {
	return repo.write(ctx, func(c *conn) error { return saveSecondFactor(ctx, c, f) })
}

func (repo usersRepository) UseStep(ctx context.Context, user id.User, step int64) (used bool, err error) {
	err = repo.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, "UPDATE second_factors SET last_step = ?1 WHERE user_id = ?2 AND last_step < ?1", step, blob(user))
		used = n == 1
		return err
	})
	return used && err == nil, err
}

func (repo usersRepository) UseRecoveryCode(ctx context.Context, user id.User, hash string) (used bool, err error) {
	err = repo.write(ctx, func(c *conn) error {
		f, err := findSecondFactor(ctx, c, user)
		if errors.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil || !slices.Contains(f.RecoveryCodes, hash) {
			return err
		}
		used = true
		f.RecoveryCodes = slices.DeleteFunc(f.RecoveryCodes, func(h string) bool { return h == hash })
		return saveSecondFactor(ctx, c, f)
	})
	return used && err == nil, err
}

func (repo usersRepository) DropSecondFactor(ctx context.Context, user id.User) error {
	return repo.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, "DELETE FROM second_factors WHERE user_id = ?", blob(user))
		return err
	})
}
