package edge_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cicerone-go/cicerone/transport/edge"
)

// member is a request in a group.
type member struct {
	took time.Duration
	done chan struct{}
}

// together serves a request in a group, as messages share a commit: those that come while a group
// is under way are the next one.
func (m *machine) together(took time.Duration) {
	own := member{took, make(chan struct{})}
	m.mu.Lock()
	m.group = append(m.group, own)
	begins := !m.busy
	m.busy = true
	m.mu.Unlock()
	if begins {
		go m.commit()
	}
	<-own.done
}

// commit serves one group after the other, until nobody waits.
func (m *machine) commit() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.group) > 0 {
		group, took := m.group, m.shared
		m.group = nil
		for _, one := range group {
			took += one.took
		}
		m.mu.Unlock()
		time.Sleep(took)
		for _, one := range group {
			close(one.done)
		}
		m.mu.Lock()
	}
	m.busy = false
}

// TestOverloadOfGroups offers three times of what a server can do whose requests share commits: the
// more run, the cheaper each is. It also checks that the test finds a limit at which they take three
// times as long as one alone, and serves too few, and one at which they take too long.
func TestOverloadOfGroups(t *testing.T) {
	fixed := func(n int) edge.Admission { return edge.Admission{Least: n, Most: n, Slowdown: 3, Queue: 256} }
	for name, c := range map[string]struct {
		admission edge.Admission
		fails     bool
	}{
		"follows":        {edge.Admission{Least: 6, Most: 128, Slowdown: 3, Queue: 256, Wait: time.Second}, false},
		"fixed too low":  {fixed(6), true},
		"fixed too high": {fixed(128), true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const span = 10 * time.Second
				groups := func(a edge.Admission) *machine {
					m := newMachine(a)
					m.slow, m.shared = 0.1, time.Millisecond
					return m
				}
				best := 0.0
				for _, clients := range []int{16, 64, 128} {
					best = max(best, groups(edge.Admission{}).closed(clients, span/2))
				}
				m := groups(c.admission)
				half := m.offer(load{rate: best / 2, span: span, from: many})[0]
				over := m.offer(load{rate: best * 3, warmup: span, span: span, from: many})[0]
				goodput := over.goodput(span) / best
				got, without := percentile(over.served, 99), percentile(half.served, 99)
				if right := goodput > 0.8 && got < 4*without; right == c.fails {
					t.Errorf("the goodput is %.2f of the peak, and the p99 %v, and %v at half of the load", goodput, got, without)
				}
			})
		})
	}
}
