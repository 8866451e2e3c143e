package postgres

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/uow"
)

// crowd drives groups without a server. A group ends when the test sends the fates of its members.
type crowd struct {
	*groups
	t       *testing.T
	commits chan commit
}

// commit is a group that has set out.
type commit struct {
	all  []*parcel
	ends chan []fate
}

func newCrowd(t *testing.T) *crowd {
	c := &crowd{t: t, commits: make(chan commit, 100)}
	c.groups = &groups{
		gate: uow.NewGate("test", func() error { return nil }),
		commit: func(_ *pgxpool.Conn, all []*parcel) []fate {
			g := commit{all, make(chan []fate)}
			c.commits <- g
			return <-g.ends
		},
	}
	return c
}

// joins makes a send join, and returns its member, or nil if it has to go alone.
func (c *crowd) joins() *member {
	c.t.Helper()
	if err := c.gate.Enter(); err != nil {
		c.t.Fatal(err)
	}
	defer c.gate.Leave()
	return c.join(&conn{}, &parcel{})
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
	if got := c.await(c.t.Context(), m); got != want {
		c.t.Errorf("the fate is %+v, want %+v", got, want)
	}
}

// idle checks that nothing is under way: the next send goes alone.
func (c *crowd) idle() {
	c.t.Helper()
	synctest.Wait()
	c.alone()
	c.done()
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
		c.done()
		first := c.outcome()
		c.wantSize("after the other send", first, 3)
		next := c.gather(2)
		at := time.UnixMilli(1)
		first.ends <- []fate{{at: at}, {err: errNone}, {alone: true}}
		c.wantFate(members[0], fate{at: at})
		c.wantFate(members[1], fate{err: errNone})
		c.wantFate(members[2], fate{alone: true})
		second := c.outcome()
		c.wantSize("after the first group", second, 2)
		second.ends <- make([]fate, 2)
		c.wantFate(next[0], fate{})
		synctest.Wait()
		c.gather(1) // the member that goes alone is under way
		c.done()
		c.done()
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
		time.Sleep(maxGroupAge - time.Nanosecond)
		c.gather(1)
		c.wantSize("before its time", c.outcome(), 0)
		time.Sleep(time.Nanosecond)
		g := c.outcome()
		c.wantSize("in its time", g, 2)
		g.ends <- make([]fate, 2)
		c.done()
		c.idle()
	})
}

func TestGroupSetsOutFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		c.alone()
		c.gather(maxGroup)
		g := c.outcome()
		c.wantSize("full", g, maxGroup)
		m := c.gather(1)[0]
		time.Sleep(maxGroupAge)
		c.wantSize("of one", c.outcome(), 0)
		c.wantFate(m, fate{alone: true})
		g.ends <- make([]fate, maxGroup)
		c.done()
		c.done()
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
		if f := c.await(ended, only); !errors.Is(f.err, context.Canceled) || errors.Is(f.err, uow.ErrOutcomeUnknown) {
			t.Errorf("a member that left got %v", f.err)
		}
		members := c.gather(4)
		if f := c.await(ended, members[1]); !errors.Is(f.err, context.Canceled) || errors.Is(f.err, uow.ErrOutcomeUnknown) {
			t.Errorf("a member that left got %v", f.err)
		}
		c.done()
		g := c.outcome()
		c.wantSize("without the members that left", g, 3)
		began := time.Now()
		if f := c.await(ended, members[2]); !errors.Is(f.err, context.Canceled) || !errors.Is(f.err, uow.ErrOutcomeUnknown) {
			t.Errorf("a member of a group that has set out got %v", f.err)
		}
		if waited := time.Since(began); waited != grace {
			t.Errorf("it waited for %v, want %v", waited, grace)
		}
		late := make(chan fate)
		go func() { late <- c.await(ended, members[0]) }()
		synctest.Wait()
		// A member that no longer waits goes alone no more.
		at := time.UnixMilli(1)
		g.ends <- []fate{{at: at}, {alone: true}, {err: errNone}}
		if f := <-late; f != (fate{at: at}) {
			t.Errorf("a member that still waited got %+v", f)
		}
		c.wantFate(members[3], fate{err: errNone})
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
		c.done()
		g := c.outcome()
		c.wantSize("of a closed store", g, 2)
		if c.join(&conn{}, &parcel{}) != nil {
			t.Error("a group was made after Close")
		}
		c.done()
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

func TestWaves(t *testing.T) {
	of := func(talk, sender byte) *parcel {
		return &parcel{Message: messaging.Message{ConversationID: id.Conversation{talk}, UserID: id.User{100 + sender}}}
	}
	a, b, back, more, last, third := of(1, 1), of(2, 2), of(1, 3), of(3, 1), of(4, 4), of(3, 3)
	got := waves([]*parcel{a, b, back, more, last, third})
	want := [][]*parcel{{a, b, last}, {back, more}, {third}}
	if len(got) != len(want) {
		t.Fatalf("got %d waves, want %d", len(got), len(want))
	}
	for n := range want {
		if len(got[n]) != len(want[n]) {
			t.Fatalf("wave %d has %d parcels, want %d", n, len(got[n]), len(want[n]))
		}
		for i := range want[n] {
			if got[n][i] != want[n][i] {
				t.Errorf("wave %d has another parcel at %d", n, i)
			}
		}
	}
}
