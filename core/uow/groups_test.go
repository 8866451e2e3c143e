package uow_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cicerone-go/cicerone/core/uow"
)

// A part is a number, its result is a number, and there is no lease.
type (
	groups = uow.Groups[struct{}, int, int]
	member = uow.Member[struct{}, int, int]
	fate   = uow.Fate[struct{}, int]
)

const grace = time.Second

var errNone = errors.New("nothing was done")

// crowd drives groups without a store. A group ends when the test sends the fates of its members.
type crowd struct {
	*groups
	gate    *uow.Gate
	t       *testing.T
	commits chan commit
}

// commit is a group that has set out.
type commit struct {
	all  []int
	ends chan []fate
}

func newCrowd(t *testing.T) *crowd {
	c := &crowd{t: t, commits: make(chan commit, 100), gate: uow.NewGate("test", func() error { return nil })}
	c.groups = uow.NewGroups(c.gate, grace, func(_ struct{}, all []int) []fate {
		g := commit{all, make(chan []fate)}
		c.commits <- g
		return <-g.ends
	})
	return c
}

// joins makes a send join, and returns its member, or nil if it has to go alone.
func (c *crowd) joins() *member {
	c.t.Helper()
	if err := c.gate.Enter(); err != nil {
		c.t.Fatal(err)
	}
	defer c.gate.Leave()
	m, _ := c.Join(struct{}{}, 0)
	return m
}

// alone makes a send that goes alone, which the test ends with done.
func (c *crowd) alone() {
	c.t.Helper()
	if c.joins() != nil {
		c.t.Fatal("a lone send joined a group")
	}
}

// gather makes n sends join.
func (c *crowd) gather(n int) []*member {
	c.t.Helper()
	all := make([]*member, n)
	for i := range all {
		if all[i] = c.joins(); all[i] == nil {
			c.t.Fatal("a send went alone while another was under way")
		}
	}
	return all
}

// outcome returns the group that has set out, or an empty one if none has.
func (c *crowd) outcome() commit {
	synctest.Wait()
	select {
	case g := <-c.commits:
		return g
	default:
		return commit{}
	}
}

func (c *crowd) wantSize(what string, g commit, n int) {
	c.t.Helper()
	if len(g.all) != n {
		c.t.Fatalf("%s, a group of %d set out, want %d", what, len(g.all), n)
	}
}

func (c *crowd) wantFate(m *member, want fate) {
	c.t.Helper()
	synctest.Wait()
	if got := c.Await(c.t.Context(), m); got != want {
		c.t.Errorf("the fate is %+v, want %+v", got, want)
	}
}

// idle checks that nothing is under way: the next send goes alone, and a group does not wait for
// another one.
func (c *crowd) idle() {
	c.t.Helper()
	synctest.Wait()
	c.alone()
	c.gather(2)
	time.Sleep(uow.MaxGroupAge)
	g := c.outcome()
	c.wantSize("while no group was under way", g, 2)
	g.ends <- make([]fate, 2)
	synctest.Wait()
	c.Done()
	if err := c.gate.Close(c.t.Context()); err != nil {
		c.t.Error(err)
	}
}

func TestGroupSetsOutAfterTheCommitBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		began := time.Now()
		c.alone()
		members := c.gather(3)
		c.wantSize("while another send was under way", c.outcome(), 0)
		c.Done()
		first := c.outcome()
		c.wantSize("after the other send", first, 3)
		next := c.gather(2)
		const result = 7
		first.ends <- []fate{{Result: result}, {Err: errNone}, {Alone: true}}
		c.wantFate(members[0], fate{Result: result})
		c.wantFate(members[1], fate{Err: errNone})
		c.wantFate(members[2], fate{Alone: true})
		second := c.outcome()
		c.wantSize("after the first group", second, 2)
		second.ends <- make([]fate, 2)
		c.wantFate(next[0], fate{})
		synctest.Wait()
		c.gather(1) // the member that goes alone is under way
		c.Done()
		c.Done()
		if took := time.Since(began); took != 0 {
			t.Errorf("the sends waited for %v", took)
		}
		c.idle()
	})
}

func TestGroupSetsOutByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		c.alone()
		c.gather(1)
		time.Sleep(uow.MaxGroupAge - time.Nanosecond)
		c.gather(1)
		c.wantSize("before its time", c.outcome(), 0)
		time.Sleep(time.Nanosecond)
		g := c.outcome()
		c.wantSize("in its time", g, 2)
		g.ends <- make([]fate, 2)
		c.Done()
		c.idle()
	})
}

// TestGroupWaitsForTheGroupBefore checks that a group waits longer for another group than for sends
// that go alone, but not for ever.
func TestGroupWaitsForTheGroupBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		c.alone()
		c.gather(2)
		time.Sleep(uow.MaxGroupAge)
		first := c.outcome()
		c.wantSize("while a send was under way", first, 2)
		c.gather(2)
		c.Done()
		time.Sleep(uow.MaxGroupAge)
		c.gather(1)
		c.wantSize("while a group was under way", c.outcome(), 0)
		first.ends <- make([]fate, 2)
		second := c.outcome()
		c.wantSize("after the group before", second, 3)
		c.gather(2)
		time.Sleep(uow.MaxGroupWait - time.Nanosecond)
		c.wantSize("while the second group was under way", c.outcome(), 0)
		time.Sleep(time.Nanosecond)
		third := c.outcome()
		c.wantSize("beside the second group", third, 2)
		c.gather(2)
		third.ends <- make([]fate, 2)
		c.wantSize("before the second group had ended", c.outcome(), 0)
		second.ends <- make([]fate, 3)
		fourth := c.outcome()
		c.wantSize("after the second group", fourth, 2)
		fourth.ends <- make([]fate, 2)
		c.idle()
	})
}

func TestGroupSetsOutFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		c.alone()
		c.gather(uow.MaxGroup)
		g := c.outcome()
		c.wantSize("full", g, uow.MaxGroup)
		m := c.gather(1)[0]
		time.Sleep(uow.MaxGroupWait)
		c.wantSize("of one", c.outcome(), 0)
		c.wantFate(m, fate{Alone: true})
		g.ends <- make([]fate, uow.MaxGroup)
		c.Done()
		c.Done()
		c.idle()
	})
}

func TestMembersLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		ended, end := context.WithCancel(t.Context())
		end()
		c.alone()
		only := c.gather(1)[0]
		if f := c.Await(ended, only); !errors.Is(f.Err, context.Canceled) || errors.Is(f.Err, uow.ErrOutcomeUnknown) {
			t.Errorf("a member that left got %v", f.Err)
		}
		members := c.gather(4)
		if f := c.Await(ended, members[1]); !errors.Is(f.Err, context.Canceled) || errors.Is(f.Err, uow.ErrOutcomeUnknown) {
			t.Errorf("a member that left got %v", f.Err)
		}
		c.Done()
		g := c.outcome()
		c.wantSize("without the members that left", g, 3)
		began := time.Now()
		if f := c.Await(ended, members[2]); !errors.Is(f.Err, context.Canceled) || !errors.Is(f.Err, uow.ErrOutcomeUnknown) {
			t.Errorf("a member of a group that has set out got %v", f.Err)
		}
		if waited := time.Since(began); waited != grace {
			t.Errorf("it waited for %v, want %v", waited, grace)
		}
		late := make(chan fate)
		go func() { late <- c.Await(ended, members[0]) }()
		synctest.Wait()
		// A member that no longer waits goes alone no more.
		const result = 7
		g.ends <- []fate{{Result: result}, {Alone: true}, {Err: errNone}}
		if f := <-late; f != (fate{Result: result}) {
			t.Errorf("a member that still waited got %+v", f)
		}
		c.wantFate(members[3], fate{Err: errNone})
		c.idle()
	})
}

func TestCloseWaitsForGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		if err := c.gate.Enter(); err != nil { // a unit
			t.Fatal(err)
		}
		c.alone()
		c.gather(2)
		closed := make(chan error, 1)
		go func() { closed <- c.gate.Close(t.Context()) }()
		synctest.Wait()
		c.Done()
		g := c.outcome()
		c.wantSize("of a closed store", g, 2)
		if m, _ := c.Join(struct{}{}, 0); m != nil {
			t.Error("a group was made after Close")
		}
		c.Done()
		c.gate.Leave()
		synctest.Wait()
		select {
		case err := <-closed:
			t.Errorf("Close returned %v before the group had ended", err)
		default:
		}
		g.ends <- make([]fate, 2)
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
}
