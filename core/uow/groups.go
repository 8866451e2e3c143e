package uow

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// The bounds of a group: how many units share a commit, and how long the first of them waits for
// others: while only units that go alone are under way, and while another group is.
const (
	MaxGroup     = 64
	MaxGroupAge  = time.Millisecond
	MaxGroupWait = 5 * time.Millisecond
)

// Groups lets, for adapters, small units of work that arrive while another is under way share a
// commit. P is what a unit does, R its result, and L what a group holds while it waits, such as a
// connection: that of its first member. A lone unit goes immediately, as it would without groups.
// A unit that finds another under way joins the group that gathers, of which there is at most one.
// While another group is under way, that waits until it has ended, or until it is full or
// MaxGroupWait old itself. Otherwise it sets out when a commit has ended, or when it is full or
// MaxGroupAge old.
//
// So it does not wait long for a unit that goes alone, which may wait for a lock. A group waits for
// none. On a busy server several small groups side by side would cost more than one after another,
// and end later.
type Groups[L, P, R any] struct {
	gate   *Gate // has entered by each group, so that Close waits for it
	grace  time.Duration
	commit func(lease L, all []P) []Fate[L, R]

	mu     sync.Mutex
	groups int             // under way
	alone  int             // units under way that go alone
	next   *group[L, P, R] // gathers; nil if no unit waits, and if none is under way
}

// group is units that set out together.
type group[L, P, R any] struct {
	lease   L
	members []*Member[L, P, R]
	timer   *time.Timer // for MaxGroupAge, and then for MaxGroupWait
	isAged  bool        // MaxGroupAge is over
}

// Member is a unit in a group.
type Member[L, P, R any] struct {
	part    P
	left    bool          // it no longer waits for its fate
	decided chan struct{} // closed when fate is set
	fate    Fate[L, R]
}

// Fate is what became of a unit in a group. If Err is nil and Alone false, it is committed.
type Fate[L, R any] struct {
	Result R
	Alone  bool // nothing was done, and the unit has to go alone
	Lease  L    // back from the group; the zero value if the unit does not get it
	Err    error
}

// NewGroups returns Groups of a store with a gate. commit commits the parts of a group of two or
// more, each or not for itself, and returns their fates in the same order; it must return, and may
// run more than once concurrently. A unit whose context ends after its group has set out waits for
// grace at most.
func NewGroups[L, P, R any](gate *Gate, grace time.Duration, commit func(lease L, all []P) []Fate[L, R]) *Groups[L, P, R] {
	return &Groups[L, P, R]{gate: gate, grace: grace, commit: commit}
}

// Join makes a unit a member of the group that gathers. It reports whether the group has taken the
// lease, because the group is new. It returns nil if the unit has to go alone; the caller calls
// Done after that. Otherwise the caller calls Await.
func (s *Groups[L, P, R]) Join(lease L, part P) (m *Member[L, P, R], taken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.groups+s.alone == 0 || s.next == nil && s.gate.Enter() != nil {
		s.alone++
		return nil, false
	}
	if s.next == nil {
		g := &group[L, P, R]{lease: lease}
		g.timer = time.AfterFunc(MaxGroupAge, func() { s.expire(g) })
		s.next, taken = g, true
	}
	m = &Member[L, P, R]{part: part, decided: make(chan struct{})}
	if s.next.members = append(s.next.members, m); len(s.next.members) == MaxGroup {
		s.setOut()
	}
	return m, taken
}

func (s *Groups[L, P, R]) expire(g *group[L, P, R]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.next != g:
	case s.groups > 0 && !g.isAged:
		g.isAged = true
		g.timer.Reset(MaxGroupWait - MaxGroupAge)
	default:
		s.setOut()
	}
}

// setOut lets the group that gathers go. A single member goes alone, in its own unit.
func (s *Groups[L, P, R]) setOut() {
	g := s.next
	s.next = nil
	g.timer.Stop()
	if len(g.members) == 1 {
		s.alone++
		g.members[0].decide(Fate[L, R]{Alone: true, Lease: g.lease})
		s.gate.Leave()
		return
	}
	s.groups++
	go func() {
		defer s.gate.Leave()
		all := make([]P, len(g.members))
		for i, m := range g.members {
			all[i] = m.part
		}
		s.end(g, s.commit(g.lease, all))
	}()
}

func (m *Member[L, P, R]) decide(f Fate[L, R]) {
	m.fate = f
	close(m.decided)
}

// end sets the fate of each member of a group, and lets the next group set out.
func (s *Groups[L, P, R]) end(g *group[L, P, R], fates []Fate[L, R]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, m := range g.members {
		if fates[i].Alone && !m.left {
			s.alone++
		}
		m.decide(fates[i])
	}
	s.groups--
	s.over()
}

// Done ends a unit that went alone: one for which Join returned nil, or whose fate is Alone.
func (s *Groups[L, P, R]) Done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alone--
	s.over()
}

// over lets the group that gathers set out after a commit has ended.
func (s *Groups[L, P, R]) over() {
	if s.next != nil && s.groups == 0 {
		s.setOut()
	}
}

// Await returns the fate of a member. If ctx ends first, a member leaves the group that gathers,
// and the error is ctx.Err() (wrapped). A group that has set out is not stopped. Then, unless its
// fate comes in time, the error is ErrOutcomeUnknown, which wraps ctx.Err().
func (s *Groups[L, P, R]) Await(ctx context.Context, m *Member[L, P, R]) Fate[L, R] {
	select {
	case <-m.decided:
		return m.fate
	case <-ctx.Done():
	}
	ended := Fate[L, R]{Err: fmt.Errorf("wait for another commit: %w", ctx.Err())}
	if lease, left := s.withdraw(m); left {
		ended.Lease = lease
		return ended
	}
	late := time.NewTimer(s.grace)
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
	return Fate[L, R]{Err: ErrOutcomeUnknown.Wrap(ended.Err)}
}

// withdraw takes a member out of the group that gathers. The last one gets its lease. It returns
// false if the group has set out.
func (s *Groups[L, P, R]) withdraw(m *Member[L, P, R]) (lease L, left bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.next
	if g == nil || !slices.Contains(g.members, m) {
		return lease, false
	}
	g.members = slices.DeleteFunc(g.members, func(other *Member[L, P, R]) bool { return other == m })
	if len(g.members) > 0 {
		return lease, true
	}
	s.next = nil
	g.timer.Stop()
	s.gate.Leave()
	return g.lease, true
}
