package porttest_test

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/ports"
)

// looksAtFew looks only at the best candidates, although they may not be found.
type looksAtFew struct{ matching.Repository }

func (r looksAtFew) Search(ctx context.Context, q matching.Query, after *matching.Rank, limit int) ([]matching.Match, error) {
	own, _, err := r.Among(ctx, q)
	if err != nil {
		return nil, err
	}
	all, err := r.Candidates(ctx, id.Profile{}, 1000)
	if err != nil {
		return nil, err
	}
	shared := func(c matching.Candidate) (n int) {
		for _, i := range own {
			if slices.Contains(c.Interests, i) {
				n++
			}
		}
		return n
	}
	slices.SortStableFunc(all, func(a, b matching.Candidate) int { return cmp.Compare(shared(b), shared(a)) })
	best := map[id.Profile]bool{}
	for _, c := range all[:min(len(all), 128)] {
		best[c.Profile] = true
	}
	found, err := r.Repository.Search(ctx, q, after, limit)
	return slices.DeleteFunc(found, func(m matching.Match) bool { return !best[m.Profile.ID] }), err
}

// ranksSaved knows only the interests that SaveProfile has linked, and not those of rows.
type ranksSaved struct {
	matching.Repository
	saved *sync.Map // the ids of users
}

func (r ranksSaved) SaveProfile(ctx context.Context, p matching.Profile, interests []id.Interest) error {
	r.saved.Store(p.UserID, true)
	return r.Repository.SaveProfile(ctx, p, interests)
}

func (r ranksSaved) Search(ctx context.Context, q matching.Query, after *matching.Rank, limit int) ([]matching.Match, error) {
	found, err := r.Repository.Search(ctx, q, after, limit)
	for i, m := range found {
		if _, ok := r.saved.Load(m.Profile.UserID); !ok {
			found[i].Score, found[i].Shared = 0, nil
		}
	}
	return found, err
}

// newRanksSaved returns a store that ranks by the interests that it has saved itself.
func newRanksSaved(s *memory.Store) ports.Storage {
	saved := new(sync.Map)
	return handing(func(_ *memory.Store, b *broken) { b.matching = ranksSaved{b.Tx.Matching(), saved} })(s)
}
