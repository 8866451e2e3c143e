package memory

import (
	"bytes"
	"context"

	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// The methods of users.Repository for the bonuses that were given.
type grantTables struct {
	grants tree[ports.Grant]    // address_hash
	keys   tree[ports.StoreKey] // name
}

func (t *grantTables) copy() grantTables {
	return grantTables{grants: t.grants.copy(), keys: t.keys.copy()}
}

func (t *grantTables) addGrant(g ports.Grant) error {
	if t.grants.has(hashKey(g.AddressHash)) {
		return taken("a grant")
	}
	t.grants.put(hashKey(g.AddressHash), g)
	return nil
}

func (t *grantTables) addKey(k ports.StoreKey) error {
	if t.keys.has(textKey(k.Name)) {
		return taken("a key")
	}
	t.keys.put(textKey(k.Name), ports.StoreKey{Name: k.Name, Key: bytes.Clone(k.Key)})
	return nil
}

func (repo usersRepository) Key(ctx context.Context, name string, fresh []byte) (key []byte, err error) {
	err = repo.write(ctx, func(s *state) error {
		there, found := s.keys.get(textKey(name))
		if !found {
			there = ports.StoreKey{Name: name, Key: fresh}
			if err := s.addKey(there); err != nil {
				return err
			}
		}
		key = bytes.Clone(there.Key)
		return nil
	})
	return key, err
}

func (repo usersRepository) Grant(ctx context.Context, address users.SecretHash) (granted bool, err error) {
	err = repo.write(ctx, func(s *state) error {
		granted = s.addGrant(ports.Grant{AddressHash: address}) == nil
		return nil
	})
	return granted && err == nil, err
}
