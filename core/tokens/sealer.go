package tokens

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
)

// Policy is the policy of a community for its ledger.
type Policy struct {
	SealEvery time.Duration // how often the sealer looks for transactions to seal; above 0
}

// DefaultPolicy returns the default policy.
func DefaultPolicy() Policy { return Policy{SealEvery: 2 * time.Second} }

// Sealer seals the transactions of the ledger after their commit, outside of the units that post
// them. Several sealers, in one process or in several, may work on one store concurrently.
type Sealer struct {
	store  *uow.Store[Tx]
	clock  clock.Clock
	policy Policy
}

// NewSealer returns a Sealer, or an error of kind fault.Internal if store is nil. A nil clock means
// the system clock.
func NewSealer(store *uow.Store[Tx], now clock.Clock, policy Policy) (*Sealer, error) {
	if store == nil {
		return nil, fault.Missing("a sealer", struct{ Store any }{})
	}
	if now == nil {
		now = clock.System()
	}
	return &Sealer{store: store, clock: now, policy: policy}, nil
}

const (
	sealedAtOnce = 500 // transactions that one unit reads, and seals
	chainsAtOnce = 500 // chains that one unit reads

	// How long after the time of its id, by the clocks of all servers, a transaction may be
	// committed so that the next round still finds it, or the next round that looks further back.
	// Not every round looks that far, because most of what it reads then is sealed. The sweep finds
	// what is later.
	usualLateness   = time.Second
	longestLateness = 15 * time.Second

	furtherEvery = 10 * time.Second // how often a round looks further back
)

// SealAll seals every transaction that was committed before the call. It reads the chains of all
// wallets, and seals in batches, each in a unit of its own. It may be interrupted and run again.
func (s *Sealer) SealAll(ctx context.Context) error {
	return s.sealEach(ctx, all)
}

// Run seals until ctx ends, and then returns nil: first all transactions, as SealAll does, then
// every Policy.SealEvery those that were posted since, and those of the next of all wallets, so
// that no transaction remains whose commit was late or whose id is not of its time. It passes
// errors to report; the next round tries again.
func (s *Sealer) Run(ctx context.Context, report func(error)) error {
	every := time.NewTicker(s.policy.SealEvery)
	defer every.Stop()
	var r rounds
	for {
		if err := s.round(ctx, &r); err != nil && ctx.Err() == nil {
			report(err)
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// rounds is what one round leaves to the next.
type rounds struct {
	since   time.Time // when the last complete round began; zero if there was none
	further time.Time // when the last complete round that looked further back began
	swept   id.User   // how far the sweep is
}

func (s *Sealer) round(ctx context.Context, r *rounds) error {
	began := s.clock.Now()
	if r.since.IsZero() {
		if err := s.SealAll(ctx); err != nil {
			return err
		}
		r.since, r.further = began, began
		return nil
	}
	from, further := r.since.Add(-usualLateness), began.Sub(r.further) >= furtherEvery
	if further {
		from = r.further.Add(-longestLateness)
	}
	err := s.sealEach(ctx, recent(from))
	if err == nil {
		r.since = began
	}
	if err == nil && further {
		r.further = began
	}
	swept, _, failed := s.sealPage(ctx, all, r.swept)
	if failed == nil {
		r.swept = swept // zero after the last page, so that the sweep begins again
	}
	return errors.Join(err, failed)
}

// selection lists chains in ascending order of user id. It returns true if there may be more.
type selection func(ctx context.Context, tx Tx, after id.User) (chains []Chain, more bool, err error)

func all(ctx context.Context, tx Tx, after id.User) ([]Chain, bool, error) {
	chains, err := tx.Tokens().Chains(ctx, after, chainsAtOnce)
	return chains, len(chains) == chainsAtOnce, err
}

func recent(since time.Time) selection {
	return func(ctx context.Context, tx Tx, after id.User) ([]Chain, bool, error) {
		chains, err := tx.Tokens().Unsealed(ctx, id.Transaction(id.First(since)), after, chainsAtOnce)
		return chains, len(chains) == chainsAtOnce, err
	}
}

// sealEach seals the transactions of all selected chains.
func (s *Sealer) sealEach(ctx context.Context, of selection) error {
	var after id.User
	for more := true; more; {
		var err error
		if after, more, err = s.sealPage(ctx, of, after); err != nil {
			return err
		}
	}
	return nil
}

// sealPage seals the transactions of the chains that a selection lists first, and returns the user
// after whom it lists the others; if there are none, the zero user.
func (s *Sealer) sealPage(ctx context.Context, of selection, after id.User) (next id.User, more bool, err error) {
	var chains []Chain
	err = s.store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
		chains, more, err = of(ctx, tx, after)
		return err
	})
	if err != nil {
		return after, false, fmt.Errorf("look for transactions to seal: %w", err)
	}
	for remain := true; remain && slices.ContainsFunc(chains, Chain.isOpen); {
		known, fresh := chains, true
		err = s.store.DoRepeatable(ctx, func(ctx context.Context, tx Tx) (err error) {
			if !fresh { // another sealer may have been faster
				if known, more, err = of(ctx, tx, after); err != nil {
					return err
				}
			}
			fresh = false
			chains, remain, err = seal(ctx, tx, known)
			return err
		})
		if err != nil {
			return after, false, fmt.Errorf("seal transactions: %w", err)
		}
	}
	if !more {
		return id.User{}, false, nil
	}
	return chains[len(chains)-1].Last.UserID, true, nil
}

// seal adds the seals that chains lack, sealedAtOnce at most. It returns the chains with their new
// seals, and reports whether there may be more to seal. If the next transaction of a chain is missing,
// the chain that it returns ends before the gap, so that the sealer goes on with the other chains.
func seal(ctx context.Context, tx Tx, chains []Chain) (sealed []Chain, more bool, err error) {
	sealed = slices.Clone(chains)
	var open []Chain
	end := 0
	for room := int64(sealedAtOnce); end < len(chains) && room > 0; end++ {
		if c := chains[end]; c.isOpen() {
			open = append(open, c)
			room -= c.Posted - c.Last.Seq
		}
	}
	lines, err := tx.Tokens().Following(ctx, open, sealedAtOnce)
	if err != nil {
		return nil, false, fmt.Errorf("read transactions: %w", err)
	}
	isFull := len(lines) == sealedAtOnce
	var seals []Seal
	for i := range sealed[:end] {
		c, n := &sealed[i], 0
		for n < len(lines) && lines[n].UserID == c.Last.UserID {
			n++
		}
		added := c.next(lines[:n])
		if len(added) > 0 {
			seals, c.Last = append(seals, added...), added[len(added)-1]
		}
		lines = lines[n:]
		if len(added) < n || len(lines) > 0 || !isFull { // there is a gap, or the chain has no more
			c.Posted = c.Last.Seq
		}
	}
	if len(lines) > 0 {
		return nil, false, fmt.Errorf("read transactions: %d are in the wrong order", len(lines))
	}
	if len(seals) > 0 {
		if err := tx.Tokens().Seal(ctx, seals...); err != nil {
			return nil, false, fmt.Errorf("add seals: %w", err)
		}
	}
	return sealed, isFull || end < len(sealed), nil
}

// isOpen reports whether a chain lacks seals.
func (c Chain) isOpen() bool { return c.Last.Seq < c.Posted }
