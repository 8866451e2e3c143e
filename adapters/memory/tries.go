package memory

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/users"
)

// The methods of users.Repository for the counts of tries.
type triesTables struct {
	tries         tree[*users.Tries] // hash
	triesOf       tree[*users.Tries] // subject, hash
	triesByExpiry tree[*users.Tries] // expires_at, hash
}

func (t *triesTables) copy() triesTables {
	return triesTables{tries: t.tries.copy(), triesOf: t.triesOf.copy(), triesByExpiry: t.triesByExpiry.copy()}
}

func (t *triesTables) addTries(count users.Tries) error {
	if t.tries.has(hashKey(count.Hash)) {
		return taken("a count of tries")
	}
	t.putTries(count)
	return nil
}

func (t *triesTables) putTries(count users.Tries) {
	key := hashKey(count.Hash)
	if before, found := t.tries.get(key); found {
		t.dropTries(before)
	}
	t.tries.put(key, &count)
	t.triesOf.put(hashKey(count.Subject)+key, &count)
	t.triesByExpiry.put(timeKey(count.ExpiresAt)+key, &count)
}

func (t *triesTables) dropTries(count *users.Tries) {
	key := hashKey(count.Hash)
	t.tries.drop(key)
	t.triesOf.drop(hashKey(count.Subject) + key)
	t.triesByExpiry.drop(timeKey(count.ExpiresAt) + key)
}

func (repo usersRepository) HoldTries(ctx context.Context, hashes ...users.SecretHash) (counts []users.Tries, err error) {
	err = repo.write(ctx, func(s *state) error {
		for _, hash := range hashes {
			if count, found := s.tries.get(hashKey(hash)); found {
				counts = append(counts, *count)
			}
		}
		return nil
	})
	return counts, err
}

func (repo usersRepository) SaveTries(ctx context.Context, counts ...users.Tries) error {
	return repo.write(ctx, func(s *state) error {
		for _, count := range counts {
			s.putTries(count)
		}
		return nil
	})
}

func (repo usersRepository) GiveBackTries(ctx context.Context, hashes []users.SecretHash, known ...users.Tries) error {
	return repo.write(ctx, func(s *state) error {
		for _, hash := range hashes {
			if count, found := s.tries.get(hashKey(hash)); found && count.Count > 0 {
				given := *count
				given.Count--
				s.putTries(given)
			}
		}
		for _, count := range known {
			if before, found := s.tries.get(hashKey(count.Hash)); found {
				expires := count.ExpiresAt
				if count = *before; expires.After(count.ExpiresAt) {
					count.ExpiresAt = expires
				}
			}
			s.putTries(count)
		}
		return nil
	})
}

func (repo usersRepository) DropTries(ctx context.Context, subject users.SecretHash) error {
	return repo.write(ctx, func(s *state) error {
		var gone []*users.Tries
		for _, count := range s.triesOf.ascend(hashKey(subject), "") {
			gone = append(gone, count)
		}
		for _, count := range gone {
			s.dropTries(count)
		}
		return nil
	})
}

func (repo usersRepository) PurgeTries(ctx context.Context, before time.Time, limit int) (purged int, err error) {
	err = repo.write(ctx, func(s *state) error {
		var gone []*users.Tries
		for _, count := range s.triesByExpiry.ascend("", "") {
			if len(gone) >= limit || count.ExpiresAt.After(before) {
				break
			}
			gone = append(gone, count)
		}
		for _, count := range gone {
			s.dropTries(count)
		}
		purged = len(gone)
		return nil
	})
	return purged, err
}
