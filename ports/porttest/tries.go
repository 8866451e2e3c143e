package porttest

import (
	"context"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// triesTests tests the counts of tries.
var triesTests = []test{
	{"a count of tries is the one that was saved last", triesSaved},
	{"of concurrent units, each counts one more try", triesCounted},
	{"a try is given back once, and none below zero", triesGivenBack},
	{"tries that are given back concurrently are not lost", triesGivenBackAtOnce},
	{"an address that is known stays known for longer", triesKnown},
	{"the counts of a subject are removed", triesDropped},
	{"counts are purged when they have expired", triesPurged},
}

// newTries returns a count of one try, which expires an hour after noon.
func (f *fixture) newTries(subject users.SecretHash) users.Tries {
	return users.Tries{Hash: f.secret(), Subject: subject, Count: 1, LastAt: noon, ExpiresAt: noon.Add(time.Hour)}
}

func (f *fixture) saveTries(counts ...users.Tries) {
	f.Helper()
	f.do(func(ctx context.Context, tx ports.Tx) error {
		for _, t := range counts {
			if _, err := tx.Users().HoldTries(ctx, t.Hash); err != nil {
				return err
			}
		}
		return tx.Users().SaveTries(ctx, counts...)
	})
}

// triesOf returns the stored counts with the hashes of others.
func (f *fixture) triesOf(others ...users.Tries) (stored []users.Tries) {
	f.Helper()
	hashes := make([]users.SecretHash, len(others))
	for i, t := range others {
		hashes[i] = t.Hash
	}
	there := write(f, func(ctx context.Context, tx ports.Tx) ([]users.Tries, error) {
		return tx.Users().HoldTries(ctx, hashes...)
	})
	f.same("the number of counts", len(there) <= len(others), true)
	for _, t := range others {
		stored = append(stored, filter(there, func(s users.Tries) bool { return s.Hash == t.Hash })...)
	}
	return stored
}

func (f *fixture) giveBack(hashes []users.SecretHash, known ...users.Tries) {
	f.Helper()
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Users().GiveBackTries(ctx, hashes, known...) })
}

func triesSaved(f *fixture) {
	a, b, unknown := f.newTries(f.secret()), f.newTries(f.secret()), f.newTries(f.secret())
	b.Count, b.LastAt = 0, time.Time{}
	sameList(f, "no counts", f.triesOf(a, b), nil)
	f.saveTries(a, b)
	sameList(f, "the counts", f.triesOf(unknown, a, b), []users.Tries{a, b})
	a.Count, a.LastAt, a.Told, a.ExpiresAt = 7, noon.Add(time.Minute), true, noon.Add(2*time.Hour)
	f.saveTries(a)
	sameList(f, "the counts after another save", f.triesOf(a, b), []users.Tries{a, b})
	f.rowCount(ports.Tries, 2)
}

// countOne counts one more try under each hash, as core does.
func (f *fixture) countOne(counts ...users.Tries) error {
	hashes := make([]users.SecretHash, len(counts))
	for i, t := range counts {
		hashes[i] = t.Hash
	}
	return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) error {
		stored, err := tx.Users().HoldTries(ctx, hashes...)
		if err != nil {
			return err
		}
		for _, t := range counts {
			t.Count = 0
			for _, s := range stored {
				if s.Hash == t.Hash {
					t = s
				}
			}
			t.Count++
			if err := tx.Users().SaveTries(ctx, t); err != nil {
				return err
			}
		}
		return nil
	})
}

func triesCounted(f *fixture) {
	for range rounds(3, 60) {
		network := f.newTries(f.secret()) // all units count under this one, and each under one of two others
		addresses := []users.Tries{f.newTries(f.secret()), f.newTries(f.secret())}
		f.allConcurrently(8, func(i int) error {
			both := []users.Tries{network, addresses[i%2]}
			if i%4 < 2 {
				both[0], both[1] = both[1], both[0]
			}
			return f.countOne(both...)
		})
		network.Count, addresses[0].Count, addresses[1].Count = 8, 4, 4
		all := append(addresses, network)
		sameList(f, "the counts", f.triesOf(all...), all)
	}
}

func triesGivenBack(f *fixture) {
	a, b, other := f.newTries(f.secret()), f.newTries(f.secret()), f.newTries(f.secret())
	a.Count, other.Told = 2, true
	f.saveTries(a, b, other)
	for range 2 {
		f.giveBack([]users.SecretHash{a.Hash, b.Hash, f.secret()})
	}
	a.Count, b.Count = 0, 0
	sameList(f, "the counts", f.triesOf(a, b, other), []users.Tries{a, b, other})
	f.rowCount(ports.Tries, 3)
}

func triesGivenBackAtOnce(f *fixture) {
	for range rounds(3, 60) {
		t := f.newTries(f.secret())
		t.Count = 4
		f.saveTries(t)
		f.allConcurrently(8, func(i int) error {
			if i%2 == 0 {
				return f.countOne(t)
			}
			return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) error {
				return tx.Users().GiveBackTries(ctx, []users.SecretHash{t.Hash})
			})
		})
		sameList(f, "the count after as many tries as were given back", f.triesOf(t), []users.Tries{t})
	}
}

func triesKnown(f *fixture) {
	known := f.newTries(f.secret())
	known.Count, known.LastAt = 0, time.Time{}
	f.giveBack(nil, known)
	sameList(f, "the count of a new network", f.triesOf(known), []users.Tries{known})
	known.Count, known.LastAt, known.Told = 3, noon, true
	f.saveTries(known)
	again := known
	again.Count, again.LastAt, again.Told = 0, time.Time{}, false
	for _, later := range []time.Duration{time.Hour, -time.Hour} {
		again.ExpiresAt = noon.Add(2*time.Hour + later)
		f.giveBack([]users.SecretHash{known.Hash}, again)
	}
	known.Count, known.ExpiresAt = 1, noon.Add(3*time.Hour)
	sameList(f, "the count of a network that was known", f.triesOf(known), []users.Tries{known})
}

func triesDropped(f *fixture) {
	subject := f.secret()
	mine, too, other := f.newTries(subject), f.newTries(subject), f.newTries(f.secret())
	f.saveTries(mine, too, other)
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Users().DropTries(ctx, subject) })
	sameList(f, "the counts that remain", f.triesOf(mine, too, other), []users.Tries{other})
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Users().DropTries(ctx, subject) })
}

func triesPurged(f *fixture) {
	var all []users.Tries
	for _, after := range []time.Duration{time.Millisecond, time.Hour, 0, -time.Millisecond, -time.Hour, -2 * time.Hour, 0} {
		t := f.newTries(f.secret())
		t.ExpiresAt = noon.Add(after)
		all = append(all, t)
	}
	f.saveTries(all...)
	for _, want := range []int{3, 2, 0} {
		n := write(f, func(ctx context.Context, tx ports.Tx) (int, error) { return tx.Users().PurgeTries(ctx, noon, 3) })
		f.same("the number of purged counts", n, want)
	}
	sameList(f, "the counts that remain", f.triesOf(all...), all[:2])
	f.rowCount(ports.Tries, 2)
	f.same("purged with the limit 0", write(f, func(ctx context.Context, tx ports.Tx) (int, error) {
		return tx.Users().PurgeTries(ctx, noon.Add(24*time.Hour), 0)
	}), 0)
}

func device(format string, args ...any) users.Device {
	return users.Device{Address: fmt.Sprintf(format, args...)}
}

func triesFields(f *fixture, fl *filler) {
	t := filled[users.Tries](f, fl)
	f.giveBack(nil, t)
	is := func(s users.Tries) bool { return s.Hash == t.Hash }
	hold := func(ctx context.Context, tx ports.Tx) ([]users.Tries, error) {
		return tx.Users().HoldTries(ctx, t.Hash)
	}
	listsBack(f, "users.Repository.HoldTries", t, is, hold)
	saved := filled[users.Tries](f, fl)
	saved.Hash, saved.Subject = t.Hash, t.Subject
	t = saved
	f.saveTries(t)
	listsBack(f, "users.Repository.HoldTries after SaveTries", t, is, hold)
}
