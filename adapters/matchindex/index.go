package matchindex

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// Deps are the parts of an Index.
type Deps struct {
	Runner uow.Runner[ports.Tx] // whose units search
	Reader uow.Runner[ports.Tx] // of the same store, for the index's own reading; nil means Runner
	Clock  clock.Clock          // that of the events; nil means the system clock
	Policy Policy
}

// Index is a uow.Runner whose units answer searches from memory. Follow builds it and keeps it up
// to date; without Follow, all searches go to the store. It is safe for concurrent use.
type Index struct {
	runner uow.Runner[ports.Tx]
	store  *ports.Store // for its own reading
	clock  clock.Clock
	policy Policy

	follower chan struct{} // holds a value while Follow works
	turn     chan struct{} // holds a value while profiles are read and put, so that none overtakes a later one

	mu      sync.RWMutex
	table   *table    // nil unless Follow works
	built   bool      // the table has all profiles
	fresh   time.Time // the table has all that was committed before
	doubt   time.Time // when a change of this process was last not read
	ranking sync.Pool // of *ranking

	answered, passed atomic.Int64 // searches
}

// New returns an Index. Errors: fault.Internal if the runner is nil, fault.Invalid with the names
// of the fields if the policy is not valid.
func New(d Deps) (*Index, error) {
	if d.Runner == nil {
		return nil, fault.Missing("an index of profiles", struct{ Runner any }{})
	}
	var f fault.Fields
	d.Policy.Check(&f)
	if err := f.Err(); err != nil {
		return nil, err
	}
	if d.Reader == nil {
		d.Reader = d.Runner
	}
	if d.Clock == nil {
		d.Clock = clock.System()
	}
	return &Index{
		runner: d.Runner, store: uow.NewStore(d.Reader, uow.Policy{}), clock: d.Clock, policy: d.Policy,
		follower: make(chan struct{}, 1), turn: make(chan struct{}, 1),
		ranking: sync.Pool{New: func() any { return &ranking{} }},
	}, nil
}

// Stats is the state of an Index, for metrics.
type Stats struct {
	Profiles int           // in the index, also while it is built
	Stale    time.Duration // how far the index is behind at most; 0 if searches go to the store until it is built
	Answered int64         // searches that were answered from the index, in all
	Passed   int64         // searches that went to the store, in all
}

// Stats returns the present state. It does not ask the store.
func (x *Index) Stats() Stats {
	x.mu.RLock()
	defer x.mu.RUnlock()
	s := Stats{Answered: x.answered.Load(), Passed: x.passed.Load()}
	if x.table != nil {
		s.Profiles = len(x.table.ids)
	}
	if x.built {
		s.Stale = max(x.clock.Now().Sub(x.fresh), 0)
	}
	return s
}

// Run implements uow.Runner. A unit that writes, and that has changed what searches compare, is
// read by the index before Run returns.
func (x *Index) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	switch mode {
	case uow.Read:
		return x.runner.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error { return fn(ctx, searching{tx, x}) })
	case uow.Write:
		var c changes
		err := x.runner.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error {
			c = changes{}
			return fn(ctx, ports.WithEvents(tx, noting{tx.Events(), &c}))
		})
		if !c.none() {
			x.settle(c) // also after an error: it may have been committed
		}
		return err
	}
	return x.runner.Run(ctx, mode, fn)
}

// noting notes which events of a unit the index has to know.
type noting struct {
	events.Repository
	changes *changes
}

// Add implements events.Repository.
func (n noting) Add(ctx context.Context, all ...events.Event) error {
	for _, e := range all {
		n.changes.note(e.Data)
	}
	return n.Repository.Add(ctx, all...)
}

// searching is a unit that reads, and searches the index.
type searching struct {
	ports.Tx
	index *Index
}

// Matching implements matching.Tx.
func (s searching) Matching() matching.Repository { return indexed{s.Tx.Matching(), s.index} }

type indexed struct {
	matching.Repository
	index *Index
}

// Search implements matching.Repository.
func (r indexed) Search(ctx context.Context, q matching.Query, after *matching.Rank, limit int) ([]matching.Match, error) {
	found, answered, err := r.index.search(ctx, r.Repository, q, after, limit)
	switch {
	case err != nil:
		return nil, err
	case answered:
		r.index.answered.Add(1)
		return found, nil
	}
	r.index.passed.Add(1)
	return r.Repository.Search(ctx, q, after, limit)
}

// atOnce is how many profiles one page may look up in the store: four times as many as the largest
// page of the services has.
const atOnce = 400

// search answers a search. It reports false if the store has to.
func (x *Index) search(
	ctx context.Context, store matching.Repository, q matching.Query, after *matching.Rank, limit int,
) (found []matching.Match, answered bool, err error) {
	asked := 0
	for {
		want := max(limit-len(found), asked) // twice as many each time
		if asked += want; asked > atOnce || limit <= 0 {
			return nil, false, nil
		}
		own, ranks, ranked := x.rank(q, after, want)
		if !ranked {
			return nil, false, nil
		}
		profiles := make([]id.Profile, len(ranks))
		for i, r := range ranks {
			profiles[i] = r.Profile
		}
		mine, matches, err := store.Among(ctx, q, profiles...)
		if err != nil {
			return nil, false, err
		}
		if !slices.Equal(mine, own) || !agree(matches, ranks) {
			return nil, false, nil
		}
		if found = append(found, matches...); len(found) >= limit || len(ranks) < want {
			return found[:min(limit, len(found))], true, nil
		}
		after = &ranks[len(ranks)-1]
	}
}

// agree reports whether matches have the ranks that the index gave them, in the same order.
func agree(matches []matching.Match, ranks []matching.Rank) bool {
	at := 0
	for _, m := range matches {
		for at < len(ranks) && ranks[at].Profile != m.Profile.ID {
			at++
		}
		if at == len(ranks) || ranks[at].Score != m.Score {
			return false
		}
	}
	return true
}

// rank ranks with the table, if it is fresh enough.
func (x *Index) rank(q matching.Query, after *matching.Rank, limit int) (own []id.Interest, ranks []matching.Rank, ranked bool) {
	now := x.clock.Now()
	r := x.ranking.Get().(*ranking) //nolint:forcetypeassert // the pool has nothing else
	defer x.ranking.Put(r)
	x.mu.RLock()
	defer x.mu.RUnlock()
	if !x.built || now.Sub(x.fresh) > x.policy.MaxStale || !x.fresh.After(x.doubt) {
		return nil, nil, false
	}
	ranks, ranked = r.rank(x.table, q, after, limit)
	return slices.Clone(r.own), ranks, ranked
}
