// Package moves tests stores that propose, accept and cancel reservations in one step
// (reservations.Proposer, reservations.Mover): while other units do it step by step, and in units
// that begin with the check of a session.
package moves

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// Stepwise returns a store that proposes, accepts and cancels reservations step by step.
func Stepwise(s ports.Storage) ports.Storage { return steps{s} }

type steps struct{ ports.Storage }

func (s steps) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	return s.Storage.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error { return fn(ctx, stepsTx{tx}) })
}

type stepsTx struct{ ports.Tx }

func (tx stepsTx) Reservations() reservations.Repository {
	return struct{ reservations.Repository }{tx.Tx.Reservations()} // hides Propose, Accept and Cancel
}

// Propose makes a proposal of a walk that begins in three hours, and costs 13 tokens.
func Propose(
	ctx context.Context, c *community.Community, clock *community.Clock, by id.User, in id.Conversation, key idempotency.Key,
) (reservations.View, error) {
	price, err := reservations.ParsePrice("12.50")
	if err != nil {
		return reservations.View{}, err
	}
	begins := clock.Now().Add(3 * time.Hour)
	return c.Reservations.Propose(ctx, by, in,
		reservations.Proposal{Title: "a walk", Price: price, Date: begins, EndDate: begins.Add(time.Hour)}, key)
}

// counts are numbers of moves and of proposals.
type counts struct{ moved, proposed atomic.Int64 }

// counter is a store that counts what it did in one step.
type counter struct {
	ports.Storage
	counts *counts
}

// stepwise is the context key of units that take the steps.
type stepwise struct{}

func (c counter) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	if ctx.Value(stepwise{}) != nil {
		return Stepwise(c.Storage).Run(ctx, mode, fn)
	}
	return c.Storage.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error { return fn(ctx, counterTx{tx, c.counts}) })
}

type counterTx struct {
	ports.Tx
	counts *counts
}

func (tx counterTx) Reservations() reservations.Repository {
	repo := tx.Tx.Reservations()
	return counted{repo, repo.(reservations.Mover), repo.(reservations.Proposer), tx.counts} //nolint:forcetypeassert // the store has both
}

type counted struct {
	reservations.Repository
	mover    reservations.Mover
	proposer reservations.Proposer
	counts   *counts
}

func (c counted) Accept(ctx context.Context, moving reservations.Moving) (reservations.View, idempotency.Outcome, error) {
	v, outcome, err := c.mover.Accept(ctx, moving)
	return v, count(outcome, &c.counts.moved), err
}

func (c counted) Cancel(ctx context.Context, moving reservations.Moving) (reservations.View, idempotency.Outcome, error) {
	v, outcome, err := c.mover.Cancel(ctx, moving)
	return v, count(outcome, &c.counts.moved), err
}

func (c counted) Propose(ctx context.Context, p reservations.Proposing) (reservations.View, idempotency.Outcome, error) {
	v, outcome, err := c.proposer.Propose(ctx, p)
	return v, count(outcome, &c.counts.proposed), err
}

func count(outcome idempotency.Outcome, done *atomic.Int64) idempotency.Outcome {
	if outcome == idempotency.Done {
		done.Add(1)
	}
	return outcome
}

// trial is a reservation that many try to accept and to cancel at the same time.
type trial struct {
	reservations.Reservation
	accepted, cancelled atomic.Int64
}

// movers try to propose and to move reservations of few people, over a store that counts what it
// does in one step.
type movers struct {
	*community.Community
	t              *testing.T
	clock          *community.Clock
	all, inOneStep counts
}

// work runs a command twice, in one step and step by step. It may return one of the errors allowed.
func (m *movers) work(done *sync.WaitGroup, command func(ctx context.Context) error, allowed ...error) {
	for _, ctx := range []context.Context{context.Background(), context.WithValue(context.Background(), stepwise{}, true)} {
		done.Go(func() {
			err := command(ctx)
			if err != nil && !slices.ContainsFunc(allowed, func(one error) bool { return errors.Is(err, one) }) {
				m.t.Error(err)
			}
		})
	}
}

// propose makes a proposal that many may try to move.
func (m *movers) propose(ctx context.Context, by id.User, in id.Conversation, key idempotency.Key) (*trial, error) {
	ctx = idempotency.Watch(ctx)
	v, err := Propose(ctx, m.Community, m.clock, by, in, key)
	if err == nil && !idempotency.Replayed(ctx) {
		m.all.proposed.Add(1)
	}
	return &trial{Reservation: v.Reservation}, err
}

func (m *movers) accept(ctx context.Context, r *trial, key idempotency.Key) error {
	by := r.LocalID
	if by == r.CreatorID {
		by = r.VoyagerID
	}
	ctx = idempotency.Watch(ctx)
	_, err := m.Reservations.Accept(ctx, by, r.ID, key)
	if err == nil && !idempotency.Replayed(ctx) {
		m.all.moved.Add(1)
		r.accepted.Add(1)
	}
	return err
}

func (m *movers) cancel(ctx context.Context, r *trial) error {
	_, err := m.Reservations.Cancel(ctx, r.CreatorID, r.ID, "")
	if err == nil {
		m.all.moved.Add(1)
		r.cancelled.Add(1)
	}
	return err
}

// HoldInOrder proposes, accepts and cancels overlapping reservations of a few people, in one step
// and step by step, with and without keys, in so many rounds. Messages, blocks, settlements and
// erasures run at the same time. It fails the test unless each proposal is made once, each
// reservation is accepted once at most, no token is lost, and a part of the proposals and of the
// moves is made in one step.
func HoldInOrder(t *testing.T, s ports.Storage, rounds int) {
	t.Helper()
	ctx := context.Background()
	m := &movers{t: t, clock: community.NewClock()}
	m.Community = community.New(counter{s, &m.inOneStep}, m.clock, id.NewGenerator(nil), uow.Policy{MaxTime: time.Minute})
	admin, pairs, err := m.Populate(ctx, 4)
	must(t, err)
	voyager, local := pairs[0].Voyager, pairs[0].Local
	_, err = m.Matching.SaveProfile(ctx, voyager, matching.Profile{IsSearchable: true}, nil)
	must(t, err)
	_, err = m.Moderation.PostTokens(ctx, admin, local, moderation.Adjustment{Type: tokens.Bonus, Amount: 1_000_000, Reason: "to spend"}, "")
	must(t, err)
	talks := []id.Conversation{pairs[0].Talk}
	for _, pair := range [][2]id.User{{local, voyager}, {pairs[1].Voyager, local}} {
		opened, err := m.Messaging.Open(ctx, pair[0], pair[1], "")
		must(t, err)
		talks = append(talks, opened.Overview.Conversation.ID)
	}
	var leaving sync.WaitGroup
	for _, p := range pairs[2:] {
		leaving.Go(func() { m.leave(p) })
	}
	for round := range rounds {
		m.round(round, [2]id.User{voyager, local}, talks, pairs[1].Voyager)
		m.clock.Advance(2 * time.Hour) // the reservations that were accepted two rounds before are settled
	}
	leaving.Wait()
	found, err := m.Auditor.Audit(ctx)
	must(t, err)
	for _, v := range found.Violations {
		t.Errorf("the audit found %+v", v)
	}
	if n, all := m.inOneStep.moved.Load(), m.all.moved.Load(); n < all/4 || n > all {
		t.Errorf("%d of %d moves were made in one step", n, all)
	}
	n, all := m.inOneStep.proposed.Load(), m.all.proposed.Load()
	if n < all/4 || n > all {
		t.Errorf("%d of %d proposals were made in one step", n, all)
	}
	if there := m.reservations(); there != all {
		t.Errorf("%d proposals were made, and there are %d reservations", all, there)
	}
	t.Attr("counts", fmt.Sprintf("%d moves, %d in one step; %d proposals, %d in one step",
		m.all.moved.Load(), m.inOneStep.moved.Load(), all, n))
}

// reservations returns the number of reservations of the store.
func (m *movers) reservations() (n int64) {
	m.t.Helper()
	must(m.t, m.Store.View(context.Background(), func(ctx context.Context, tx ports.Tx) error {
		n = 0
		for _, err := range ports.Scan(ctx, tx.Rows(), ports.Reservations, nil, 1000) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	}))
	return n
}

// round moves reservations at the same time: two of each conversation, of which the first two
// belong to a pair, and the last one to the pair's local and another voyager.
func (m *movers) round(round int, pair [2]id.User, talks []id.Conversation, other id.User) {
	var all []*trial
	for _, talk := range talks {
		for _, by := range pair {
			if talk == talks[2] && by == pair[0] {
				by = other
			}
			r, err := m.propose(context.Background(), by, talk, "")
			must(m.t, err)
			all = append(all, r)
		}
	}
	var done sync.WaitGroup
	for i, r := range all {
		key := idempotency.Key(fmt.Sprintf("key-%d-%d", round, i))
		for _, key := range []idempotency.Key{"", key, key} {
			m.work(&done, func(ctx context.Context) error { return m.accept(ctx, r, key) },
				reservations.ErrStatus, reservations.ErrOverlap, messaging.ErrClosed)
		}
		m.work(&done, func(ctx context.Context) error { return m.cancel(ctx, r) }, reservations.ErrStatus)
		m.work(&done, func(ctx context.Context) error {
			_, err := m.Messaging.Send(ctx, r.CreatorID, r.ConversationID, messaging.Draft{Content: "hello"}, key)
			return err
		}, messaging.ErrClosed)
		for _, key := range []idempotency.Key{"", "propose-" + key} {
			m.work(&done, func(ctx context.Context) error {
				_, err := m.propose(ctx, r.CreatorID, r.ConversationID, key)
				return err
			}, messaging.ErrClosed)
		}
	}
	m.work(&done, func(ctx context.Context) error {
		return errors.Join(m.Moderation.Block(ctx, pair[0], pair[1]), m.Moderation.Unblock(ctx, pair[0], pair[1]))
	})
	m.work(&done, func(ctx context.Context) error { _, err := m.Reservations.Settle(ctx); return err })
	done.Wait()
	for i, r := range all {
		if a, c := r.accepted.Load(), r.cancelled.Load(); a > 1 || c > 1 {
			m.t.Errorf("round %d: reservation %d was accepted %d times and cancelled %d times", round, i, a, c)
		}
	}
}

// leave moves reservations of a pair until its voyager has erased the account.
func (m *movers) leave(p community.Pair) {
	var done sync.WaitGroup
	refused := []error{users.ErrNotSignedIn, messaging.ErrClosed, reservations.ErrStatus, reservations.ErrOverlap}
	m.work(&done, func(ctx context.Context) error {
		for {
			r, err := m.propose(ctx, p.Voyager, p.Talk, "")
			if err != nil {
				return err
			}
			if err = m.accept(ctx, r, ""); err != nil && !errors.Is(err, reservations.ErrOverlap) {
				return err
			}
			if err = m.cancel(ctx, r); err != nil {
				return err
			}
		}
	}, refused...)
	time.Sleep(300 * time.Millisecond)
	must(m.t, m.Privacy.Erase(context.Background(), p.Voyager, community.Password, users.Device{}))
	done.Wait()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
