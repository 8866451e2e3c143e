package mongodbtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/core/uow"
)

// maxWait is how long anything may take before the test gives up. That all are served within 15 s of an election is measured;
// what is asserted is generous.
const maxWait = time.Minute

// newLife lets eight pairs live on a server that will fail.
func newLife(t *testing.T, s target) *workload.Life {
	t.Helper()
	w := s.populated(t, 8)
	return workload.NewLife(t, w.Community, w.store, w.admin, w.pairs, maxWait)
}

// size is how often something is done: in every run, and with CICERONE_SOAK=1.
func size(usual, full int) int {
	if soak() {
		return full
	}
	return usual
}

// TestConnectionsCut cuts the connections after random bytes, by turns of what the server says and of what it is told, while
// eight clients are at work.
func TestConnectionsCut(t *testing.T) {
	everywhere(t, func(t *testing.T, s target) {
		proxy := servers.NewProxy(t, servers.OfPrimary(t, s.uri))
		s.uri = proxy.DSN()
		t.Cleanup(func() { forget(s.uri) })
		l := newLife(t, s)
		times := size(10, 500)
		for n := range times {
			l.Work()
			after := rand.Int64N(20_000) // about as much as ten commands
			if n%2 == 0 {
				proxy.CutAnswers(after)
			} else {
				proxy.CutRequests(after)
			}
			proxy.AwaitCut(maxWait)
			proxy.Heal()
			if n%5 == 4 {
				l.Healed()
			}
		}
		l.End(fmt.Sprintf("%d times cut", times))
	})
}

// TestServerKilled kills the only node of a replica set under load with SIGKILL, again and again.
func TestServerKilled(t *testing.T) {
	const kills = 20
	s, server := onNodes(t, 1)
	node := server.Nodes[0]
	w := s.populated(t, 8)
	l := workload.NewLife(t, w.Community, w.store, w.admin, w.pairs, maxWait)
	for n := range kills {
		l.Work()
		node.Kill()
		if n == 0 { // it takes as long as a server is looked for
			if err := w.store.Ping(t.Context()); !errors.Is(err, uow.ErrUnreachable) {
				t.Errorf("the server is down, and ping says %v", err)
			}
		}
		node.Start()
		server.Primary()
		l.Healed()
	}
	l.End(fmt.Sprintf("%d kills", kills))
}

// TestElections kills and freezes the primary of three nodes under load, by turns. The other two elect one of them, and the
// old one comes back as a secondary: what only it had is undone then.
func TestElections(t *testing.T) {
	s, server := onNodes(t, 3)
	l := newLife(t, s)
	elections := size(10, 20)
	for n := range elections {
		l.Work()
		old := server.Primary()
		back := old.Thaw
		if n%2 == 0 {
			old.Kill()
			back = old.Start
		} else {
			old.Freeze()
		}
		if server.Primary() == old {
			t.Fatal("a primary that cannot be reached is the primary still")
		}
		l.Healed()
		back()
		server.AwaitWhole()
	}
	l.End(fmt.Sprintf("%d elections", elections))
}
