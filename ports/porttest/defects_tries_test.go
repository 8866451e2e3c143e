package porttest_test

import (
	"context"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// countsNothing forgets every try.
type countsNothing struct{ users.Repository }

func (r countsNothing) SaveTries(ctx context.Context, counts ...users.Tries) error {
	return r.Repository.SaveTries(ctx, counts[:0]...)
}

// newLagging returns a store that counts tries from what a unit before saw.
func newLagging(s *memory.Store) ports.Storage {
	var seen sync.Map
	return handing(func(_ *memory.Store, b *broken) { b.users = lagging{b.Tx.Users(), &seen} })(s)
}

type lagging struct {
	users.Repository
	seen *sync.Map
}

func (r lagging) HoldTries(ctx context.Context, hashes ...users.SecretHash) ([]users.Tries, error) {
	counts, err := r.Repository.HoldTries(ctx, hashes...)
	for i, t := range counts {
		if before, found := r.seen.Swap(t.Hash, t); found {
			counts[i] = before.(users.Tries)
		}
	}
	return counts, err
}

// keepsTries gives no try back.
type keepsTries struct{ users.Repository }

func (r keepsTries) GiveBackTries(ctx context.Context, _ []users.SecretHash, known ...users.Tries) error {
	return r.Repository.GiveBackTries(ctx, nil, known...)
}

// forgetsNetworks does not remember from where an account signed in.
type forgetsNetworks struct{ users.Repository }

func (r forgetsNetworks) GiveBackTries(ctx context.Context, hashes []users.SecretHash, _ ...users.Tries) error {
	return r.Repository.GiveBackTries(ctx, hashes)
}

// remembersErased keeps the counts of an erased account.
type remembersErased struct{ users.Repository }

func (r remembersErased) DropTries(ctx context.Context, subject users.SecretHash) error {
	subject[0]++
	return r.Repository.DropTries(ctx, subject)
}

// purgesEarly removes counts before they have expired.
type purgesEarly struct{ users.Repository }

func (r purgesEarly) PurgeTries(ctx context.Context, before time.Time, limit int) (int, error) {
	return r.Repository.PurgeTries(ctx, before.Add(time.Millisecond), limit)
}
