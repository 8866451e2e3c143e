package postgres

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// The methods of users.Repository for second factors.

var (
	secondFactors   = tableOf(ports.SecondFactorLayout)
	putSecondFactor = secondFactors.insert + " ON CONFLICT (user_id) DO UPDATE SET " + secondFactors.replace("user_id")
)

func (repo usersRepository) SecondFactor(ctx context.Context, user id.User) (f users.SecondFactor, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		f, err = find(ctx, c, secondFactors.scan,
			"SELECT "+secondFactors.columns+" FROM @second_factors WHERE user_id = $1", uuid(user))
		return orNotFound(err, "a second factor")
	})
	return f, err
}

func (repo usersRepository) SaveSecondFactor(ctx context.Context, f users.SecondFactor) error {
	return repo.write(ctx, func(c *conn) error {
		c.later(putSecondFactor, secondFactors.args(f)...)
		return nil
	})
}

// UseStep waits for a concurrent unit that uses a step, and then sees its step.
func (repo usersRepository) UseStep(ctx context.Context, user id.User, step int64) (used bool, err error) {
	err = repo.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, "UPDATE @second_factors SET last_step = $1 WHERE user_id = $2 AND last_step < $1", step, uuid(user))
		used = n == 1
		return err
	})
	return used && err == nil, err
}

func (repo usersRepository) UseRecoveryCode(ctx context.Context, user id.User, hash string) (used bool, err error) {
	err = repo.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, `UPDATE @second_factors SET recovery_codes = array_remove(recovery_codes, $1)
			WHERE user_id = $2 AND $1 = ANY(recovery_codes)`, hash, uuid(user))
		used = n == 1
		return err
	})
	return used && err == nil, err
}

func (repo usersRepository) DropSecondFactor(ctx context.Context, user id.User) error {
	return repo.write(ctx, func(c *conn) error {
		c.later("DELETE FROM @second_factors WHERE user_id = $1", uuid(user))
		return nil
	})
}
