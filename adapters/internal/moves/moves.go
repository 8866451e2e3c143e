// Package moves tests stores that accept and cancel reservations in one step (reservations.Mover):
// while other units do it step by step, and in units that begin with the check of a session.
package moves

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// Stepwise returns a store that accepts and cancels reservations step by step.
func Stepwise(s ports.Storage) ports.Storage { return steps{s} }

type steps struct{ ports.Storage }

func (s steps) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	return s.Storage.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error { return fn(ctx, stepsTx{tx}) })
}

type stepsTx struct{ ports.Tx }

func (tx stepsTx) Reservations() reservations.Repository {
	return struct{ reservations.Repository }{tx.Tx.Reservations()} // hides Accept and Cancel
}

// Propose makes a proposal of a walk that begins in three hours, and costs 13 tokens.
func Propose(c *community.Community, clock *community.Clock, by id.User, in id.Conversation) (reservations.Reservation, error) {
	price, err := reservations.ParsePrice("12.50")
	if err != nil {
		return reservations.Reservation{}, err
	}
	begins := clock.Now().Add(3 * time.Hour)
	v, err := c.Reservations.Propose(context.Background(), by, in,
		reservations.Proposal{Title: "a walk", Price: price, Date: begins, EndDate: begins.Add(time.Hour)}, "")
	return v.Reservation, err
}

// counter is a store that counts the reservations that it moved in one step.
type counter struct {
	ports.Storage
	moved *atomic.Int64
}

// stepwise is the context key of units that take the steps.
type stepwise struct{}

func (c counter) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	if ctx.Value(stepwise{}) != nil {
		return Stepwise(c.Storage).Run(ctx, mode, fn)
	}
	return c.Storage.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error { return fn(ctx, counterTx{tx, c.moved}) })
}

type counterTx struct {
	ports.Tx
	moved *atomic.Int64
}

func (tx counterTx) Reservations() reservations.Repository {
	repo := tx.Tx.Reservations()
	return countedMover{repo, repo.(reservations.Mover), tx.moved} //nolint:forcetypeassert // the store has one
}

type countedMover struct {
	reservations.Repository
	mover reservations.Mover
	moved *atomic.Int64
}

func (m countedMover) Accept(ctx context.Context, moving reservations.Moving) (reservations.View, idempotency.Outcome, error) {
	return m.count(m.mover.Accept(ctx, moving))
}

func (m countedMover) Cancel(ctx context.Context, moving reservations.Moving) (reservations.View, idempotency.Outcome, error) {
	return m.count(m.mover.Cancel(ctx, moving))
}

func (m countedMover) count(v reservations.View, outcome idempotency.Outcome, err error) (reservations.View, idempotency.Outcome, error) {
	if outcome == idempotency.Done {
		m.moved.Add(1)
	}
	return v, outcome, err
}

// trial is a reservation that many try to accept and to cancel at the same time.
type trial struct {
	reservations.Reservation
	accepted, cancelled atomic.Int64
}

// movers try to move reservations of few people, over a store that counts what it moves in one
// step.
type movers struct {
	*community.Community
	t                *testing.T
	clock            *community.Clock
	moves, inOneStep atomic.Int64
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

// propose makes a proposal that many try to move.
func (m *movers) propose(by id.User, in id.Conversation) (*trial, error) {
	r, err := Propose(m.Community, m.clock, by, in)
	return &trial{Reservation: r}, err
}

func (m *movers) accept(ctx context.Context, r *trial, key idempotency.Key) error {
	by := r.LocalID
	if by == r.CreatorID {
		by = r.VoyagerID
	}
	ctx = idempotency.Watch(ctx)
	_, err := m.Reservations.Accept(ctx, by, r.ID, key)
	if err == nil && !idempotency.Replayed(ctx) {
		m.moves.Add(1)
		r.accepted.Add(1)
	}
	return err
}

func (m *movers) cancel(ctx context.Context, r *trial) error {
	_, err := m.Reservations.Cancel(ctx, r.CreatorID, r.ID, "")
	if err == nil {
		m.moves.Add(1)
		r.cancelled.Add(1)
	}
	return err
}

// HoldInOrder accepts and cancels overlapping reservations of a few people, in one step and step by
// step, with and without keys, in so many rounds. Messages, blocks, settlements and erasures run at
// the same time. It fails the test unless each reservation is accepted once at most, no token is
// lost, and a part of the moves is made in one step.
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
	if n := m.inOneStep.Load(); n < m.moves.Load()/4 || n > m.moves.Load() {
		t.Errorf("%d of %d moves were made in one step", n, m.moves.Load())
	}
	t.Attr("counts", fmt.Sprintf("%d moves, %d in one step", m.moves.Load(), m.inOneStep.Load()))
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
			r, err := m.propose(by, talk)
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
			r, err := m.propose(p.Voyager, p.Talk)
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

// CheckSessions accepts and cancels reservations in units that begin with the check of a session,
// over an empty store.
func CheckSessions(t *testing.T, store ports.Storage) {
	t.Helper()
	ctx := context.Background()
	m := &movers{t: t, clock: community.NewClock()}
	s, err := community.NewScene(ctx, community.New(counter{store, &m.inOneStep}, m.clock, id.NewGenerator(nil), uow.Policy{}), m.clock)
	must(t, err)
	m.Community = s.Community
	sessionOf := func(u id.User, email string) id.Session {
		t.Helper()
		_, err := s.Users.SignIn(ctx, users.SignIn{Email: email, Password: community.Password})
		must(t, err)
		all, err := s.Users.Sessions(ctx, u, page.Request[page.Moment]{})
		must(t, err)
		return all.Items[0].ID
	}
	locals, voyagers := sessionOf(s.Local, "local0@example.org"), sessionOf(s.Voyager, "voyager0@example.org")
	live, later := users.SessionFilter{Live: true}, m.clock.Now().Add(1000*time.Hour)
	valid := users.Presence{User: s.Local, Session: locals, Open: live}
	cases := []struct {
		name     string
		presence users.Presence
		want     error
		steps    bool // the session is checked in a statement of its own
	}{
		{name: "valid", presence: valid},
		{name: "any session", presence: users.Presence{User: s.Local, Session: locals}, steps: true},
		{name: "opened long ago", presence: users.Presence{User: s.Local, Session: locals, Open: users.SessionFilter{Live: true, CreatedAfter: later}}, want: users.ErrNotSignedIn},
		{name: "used long ago", presence: users.Presence{User: s.Local, Session: locals, Open: users.SessionFilter{Live: true, UsedAfter: later}}, want: users.ErrNotSignedIn},
		{name: "of somebody else", presence: users.Presence{User: s.Local, Session: voyagers, Open: live}, want: users.ErrNotSignedIn},
		{name: "of another caller", presence: users.Presence{User: s.Voyager, Session: voyagers, Open: live}, steps: true},
		{name: "revoked", presence: valid, want: users.ErrNotSignedIn},
	}
	m.clock.Advance(10 * time.Hour) // when the reservations of the scene are over
	for _, c := range cases {
		if c.name == "revoked" {
			must(t, s.Users.EndSession(ctx, s.Local, locals))
		}
		for _, to := range []reservations.Status{reservations.Accepted, reservations.Cancelled} {
			by := s.Local // who moves it
			if to == reservations.Accepted {
				by = s.Voyager
			}
			for _, key := range []idempotency.Key{"", idempotency.Key(strings.ReplaceAll("key-"+c.name, " ", "-") + "-" + string(to))} {
				m.clock.Advance(2 * time.Hour)
				r, err := m.propose(by, s.Talk)
				must(t, err)
				before := m.inOneStep.Load()
				guarded, passed := s.Store.Guarded(ctx, func(ctx context.Context, tx ports.Tx) error { return users.CheckPresence(ctx, tx, c.presence) })
				if to == reservations.Accepted {
					err = m.accept(guarded, r, key)
				} else {
					_, err = s.Reservations.Cancel(guarded, s.Local, r.ID, key)
				}
				if !errors.Is(err, c.want) || c.want == nil && err != nil || passed() != (c.want == nil) {
					t.Errorf("%s, %s, key %q: %v, and the check passed: %v; want %v", c.name, to, key, err, passed(), c.want)
				}
				if got, want := m.inOneStep.Load() > before, c.want == nil && !c.steps; got != want {
					t.Errorf("%s, %s, key %q: moved in one step: %v, want %v", c.name, to, key, got, want)
				}
				want := to
				if c.want != nil {
					want = reservations.Pending
				}
				if now, err := s.Reservations.Reservation(ctx, s.Voyager, r.ID); err != nil || now.Status != want {
					t.Errorf("%s, %s, key %q: the reservation is %s, error %v; want %s", c.name, to, key, now.Status, err, want)
				}
			}
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
