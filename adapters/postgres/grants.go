package postgres

import (
	"context"
	"errors"

	"github.com/cicerone-go/cicerone/core/users"
)

// The methods of users.Repository for the bonuses that were given.

const keyNamed statement = "SELECT key FROM @store_keys WHERE name = $1"

// Key waits for another unit that stores the same key, and then reads that.
func (repo usersRepository) Key(ctx context.Context, name string, fresh []byte) (key []byte, err error) {
	err = repo.write(ctx, func(c *conn) error {
		if key, err = find(ctx, c, value((*row).bytes), keyNamed, name); !errors.Is(err, errNone) {
			return err
		}
		_, err := c.exec(ctx, "INSERT INTO @store_keys (name, key) VALUES ($1, $2) ON CONFLICT DO NOTHING", name, notNil(fresh))
		if err == nil {
			key, err = find(ctx, c, value((*row).bytes), keyNamed, name)
		}
		return err
	})
	return key, err
}

func (repo usersRepository) Grant(ctx context.Context, address users.SecretHash) (granted bool, err error) {
	err = repo.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, "INSERT INTO @signup_grants (address_hash) VALUES ($1) ON CONFLICT DO NOTHING", address[:])
		granted = n == 1
		return err
	})
	return granted && err == nil, err
}
