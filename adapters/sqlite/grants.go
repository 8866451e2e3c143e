package sqlite

import (
	"context"

	"github.com/cicerone-go/cicerone/core/users"
)

// The methods of users.Repository for the bonuses that were given.

// keyOf returns the key with a name, after it has stored fresh if there was none.
func keyOf(ctx context.Context, c *conn, name string, fresh []byte) ([]byte, error) {
	if _, err := c.exec(ctx, "INSERT INTO store_keys (name, key) VALUES (?, ?) ON CONFLICT DO NOTHING", name, notNil(fresh)); err != nil {
		return nil, err
	}
	return find(ctx, c, value((*row).bytes), "SELECT key FROM store_keys WHERE name = ?", name)
}

func grant(ctx context.Context, c *conn, address users.SecretHash) (granted bool, err error) {
	n, err := c.exec(ctx, "INSERT INTO signup_grants (address_hash) VALUES (?) ON CONFLICT DO NOTHING", address[:])
	return n == 1, err
}

func (repo usersRepository) Key(ctx context.Context, name string, fresh []byte) (key []byte, err error) {
	err = repo.write(ctx, func(c *conn) (err error) {
		key, err = keyOf(ctx, c, name, fresh)
		return err
	})
	return key, err
}

func (repo usersRepository) Grant(ctx context.Context, address users.SecretHash) (granted bool, err error) {
	err = repo.write(ctx, func(c *conn) (err error) {
		granted, err = grant(ctx, c, address)
		return err
	})
	return granted && err == nil, err
}
