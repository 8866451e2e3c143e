package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cicerone-go/cicerone/core/uow"
)

// The bounds of a group: how many sends share a commit, and how long the first of them waits for
// others.
const (
	maxGroup    = 64
	maxGroupAge = time.Millisecond
)

// groups lets the sends that arrive while another is under way share a commit. A lone send goes
// immediately, as it would without groups. A send that finds another under way joins the group that
// gathers. That sets out when a commit has ended, when it is full, or when it is maxGroupAge old. So
// there is at most one group that gathers, and each of those under way has one of the pool's
// connections.
type groups struct {
	gate   *uow.Gate // has entered by each group, so that Close waits for it
	commit func(lease *pgxpool.Conn, all []*parcel) []fate

	mu       sync.Mutex
	underWay int    // groups, and sends that go alone
	next     *group // gathers; nil if no send waits, and if none is under way
}

// group is sends that set out together.
type group struct {
	lease   *pgxpool.Conn // that of its first member
	members []*member
	timer   *time.Timer
}

// member is a send in a group.
type member struct {
	*parcel
	left    bool          // its unit no longer waits for its fate
	decided chan struct{} // closed when fate is set
	fate    fate
}

// fate is what became of a send in a group. If err is nil and alone false, it was sent.
type fate struct {
	at    time.Time     // of the message
	alone bool          // nothing was done, and the send has to go alone
	lease *pgxpool.Conn // back from the group; nil if the unit has none
	err   error         // errNone if nothing was changed
}

// join makes the send of c a member of the group that gathers. It takes the connection of c if that
// group is new. It returns nil if the send has to go alone; the caller calls done after that.
func (s *groups) join(c *conn, p *parcel) *member {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.underWay == 0 || s.next == nil && s.gate.Enter() != nil {
		s.underWay++
		return nil
	}
	if s.next == nil {
		g := &group{lease: c.lease}
		g.timer = time.AfterFunc(maxGroupAge, func() { s.expire(g) })
		s.next = g
		c.lease, c.on = nil, nil
	}
	m := &member{parcel: p, decided: make(chan struct{})}
	if s.next.members = append(s.next.members, m); len(s.next.members) == maxGroup {
		s.setOut()
	}
	return m
}

func (s *groups) expire(g *group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == g {
		s.setOut()
	}
}

// setOut lets the group that gathers go. A single member goes alone, in its own unit.
func (s *groups) setOut() {
	g := s.next
	s.next = nil
	g.timer.Stop()
	s.underWay++
	if len(g.members) == 1 {
		g.members[0].decide(fate{alone: true, lease: g.lease})
		s.gate.Leave()
		return
	}
	go func() {
		defer s.gate.Leave()
		all := make([]*parcel, len(g.members))
		for i, m := range g.members {
			all[i] = m.parcel
		}
		s.end(g, s.commit(g.lease, all))
	}()
}

func (m *member) decide(f fate) {
	m.fate = f
	close(m.decided)
}

// end sets the fate of each member of a group, and lets the next group set out.
func (s *groups) end(g *group, fates []fate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, m := range g.members {
		if fates[i].alone && !m.left {
			s.underWay++
		}
		m.decide(fates[i])
	}
	s.over()
}

// done ends a send that went alone.
func (s *groups) done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over()
}

func (s *groups) over() {
	s.underWay--
	if s.next != nil {
		s.setOut()
	}
}

// await returns the fate of a member. If ctx ends first, a member leaves the group that gathers. A
// group that has set out is not stopped, and its member waits for grace at most: then its outcome is
// unknown.
func (s *groups) await(ctx context.Context, m *member) fate {
	select {
	case <-m.decided:
		return m.fate
	case <-ctx.Done():
	}
	ended := fate{err: fmt.Errorf("wait for another commit: %w", ctx.Err())}
	if lease, left := s.withdraw(m); left {
		ended.lease = lease
		return ended
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case <-m.decided:
		return m.fate
	case <-late.C:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-m.decided:
		return m.fate
	default:
	}
	m.left = true
	return fate{err: uow.ErrOutcomeUnknown.Wrap(ended.err)}
}

// withdraw takes a member out of the group that gathers. The last one gets its connection. It
// returns false if the group has set out.
func (s *groups) withdraw(m *member) (lease *pgxpool.Conn, left bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.next
	if g == nil || !slices.Contains(g.members, m) {
		return nil, false
	}
	g.members = slices.DeleteFunc(g.members, func(other *member) bool { return other == m })
	if len(g.members) > 0 {
		return nil, true
	}
	s.next = nil
	g.timer.Stop()
	s.gate.Leave()
	return g.lease, true
}

// dispatch sends a parcel, with others or alone. Like atOnce, it returns errNone if nothing was
// changed, and the unit then continues.
func (c *conn) dispatch(ctx context.Context, p *parcel) (at time.Time, err error) {
	s := c.store.groups
	if s == nil {
		return p.send(ctx, c)
	}
	m := s.join(c, p)
	if m == nil {
		defer s.done()
		return p.send(ctx, c)
	}
	if c.lease != nil { // others need it more while this unit waits
		c.release()
		c.lease, c.on = nil, nil
	}
	f := s.await(ctx, m)
	if f.alone {
		defer s.done()
	}
	if f.lease == nil && (f.alone || errors.Is(f.err, errNone)) {
		if f.lease, err = c.store.acquire(ctx); err != nil {
			return at, err
		}
	}
	if f.lease != nil {
		c.lease, c.on = f.lease, f.lease
	}
	switch {
	case f.alone:
		return p.send(ctx, c)
	case f.err == nil:
		c.whole, c.first = true, nil
	}
	return f.at, f.err
}
