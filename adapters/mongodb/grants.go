package mongodb

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/mongo"

	"github.com/cicerone-go/cicerone/core/users"
)

// The methods of users.Repository for the bonuses that were given.

func (repo usersRepository) Key(ctx context.Context, name string, fresh []byte) (key []byte, err error) {
	err = repo.write(ctx, func(t *txn) (err error) {
		key, err = find(ctx, t, func(r *record) []byte { return r.bytes("key") }, query{in: storeKeysIn, filter: d("_id", name)})
		if errors.Is(err, mongo.ErrNoDocuments) {
			t.later(storeKeysIn, inserting(d("_id", name, "key", octets(fresh))))
			key, err = append([]byte{}, fresh...), nil
		}
		return err
	})
	return key, err
}

func (repo usersRepository) Grant(ctx context.Context, address users.SecretHash) (granted bool, err error) {
	err = repo.write(ctx, func(t *txn) error {
		there, err := t.exists(ctx, grantsIn, d("_id", octets(address[:])))
		if granted = err == nil && !there; granted {
			t.later(grantsIn, inserting(d("_id", octets(address[:]))))
		}
		return err
	})
	return granted && err == nil, err
}
