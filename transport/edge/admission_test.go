package edge_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/edge"
)

// overloaded measures a machine without load, at its peak and at three times its capacity, and
// returns what is wrong. The peak is that of a closed loop, in which nobody is refused.
func overloaded(a edge.Admission) (wrong []string) {
	const span = 10 * time.Second
	m := newMachine(a)
	unloaded := m.offer(load{rate: capacity * 0.3, span: span, from: many})[0]
	if len(unloaded.refused) > 0 {
		wrong = append(wrong, fmt.Sprintf("%d requests were refused without load", len(unloaded.refused)))
	}
	over := m.offer(load{rate: capacity * 3, warmup: time.Second, span: span, from: many})[0]
	if got := over.goodput(span) / peak(); got < 0.9 {
		wrong = append(wrong, fmt.Sprintf("the goodput is %.2f of the peak", got))
	}
	if got, without := percentile(over.served, 99), percentile(unloaded.served, 99); got > 3*without {
		wrong = append(wrong, fmt.Sprintf("the p99 is %v, and %v without load", got, without))
	}
	if len(over.refused) == 0 {
		return append(wrong, "nobody was refused")
	}
	if got := percentile(over.refused, 99); got >= 5*time.Millisecond {
		wrong = append(wrong, fmt.Sprintf("a refusal took %v", got))
	}
	return wrong
}

// peak returns how many requests a second a machine without admission serves at most. It is called
// in a bubble.
var peak = sync.OnceValue(func() (best float64) {
	const span = 5 * time.Second
	for _, clients := range []int{cores, 2 * cores, 4 * cores} {
		m := newMachine(edge.Admission{})
		var all sync.WaitGroup
		end, served := time.Now().Add(span), make([]int, clients)
		for c := range clients {
			all.Go(func() {
				random := rand.New(rand.NewPCG(2, uint64(c)))
				for time.Now().Before(end) {
					took := operations[[]string{"short", "long"}[random.IntN(2)]]
					if m.serve(context.Background(), time.Duration(random.ExpFloat64()*float64(took)), (*edge.Gate).Arrive) == nil {
						served[c]++
					}
				}
			})
		}
		all.Wait()
		total := 0
		for _, n := range served {
			total += n
		}
		best = max(best, float64(total)/span.Seconds())
	}
	return best
})

// TestOverload offers three times of what the server can do. It also checks that the test finds
// limits that do not follow from how long requests take: too high, too low, and none.
func TestOverload(t *testing.T) {
	fixed := func(n int) edge.Admission { return edge.Admission{Least: n, Most: n, Slowdown: 2, Queue: 256} }
	for name, c := range map[string]struct {
		admission edge.Admission
		fails     bool
	}{
		"default":        {edge.DefaultAdmission(cores), false},
		"following":      {following(), false},
		"fixed too high": {fixed(1000), true},
		"fixed too low":  {fixed(cores / 2), true},
		"none":           {edge.Admission{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				wrong := overloaded(c.admission)
				if c.fails == (len(wrong) == 0) {
					t.Errorf("got %q, want failures: %t", wrong, c.fails)
				}
			})
		})
	}
}

// TestOverloadOfSharedCommits offers three times the capacity of a server whose requests share
// commits: it serves more in a second if more of them run at once. Then the server is slow for a while,
// under a load that it can serve only if many requests run at once.
func TestOverloadOfSharedCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, capacity := newSharing()
		const span = 10 * time.Second
		part := func(of float64) load {
			return load{rate: capacity * of, warmup: 2 * time.Second, span: span, from: many, only: "send"}
		}
		m.offer(part(0.05))
		if got := m.offer(part(3))[0].goodput(span) / capacity; got < 0.9 {
			t.Errorf("the goodput is %.2f of the peak", got)
		}
		calm := func(what string) {
			if r := m.offer(part(0.7))[0]; len(r.refused) > 0 {
				t.Errorf("after %s, %d of %d were refused", what, len(r.refused), len(r.refused)+len(r.served))
			}
		}
		calm("the overload")
		m.slow = 10
		m.offer(part(0.7))
		m.slow = 1
		calm("a slow spell")
	})
}

// TestOverloadWithPauses offers three times of what the server can do, by clients that all pause
// now and then, for longer than what is admitted takes. That does not end the overload.
func TestOverloadWithPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(following())
		const span = 10 * time.Second
		unloaded := m.offer(load{rate: capacity * 0.3, span: span, from: many})[0]
		over := m.offer(load{rate: capacity * 3, warmup: time.Second, span: span, pause: 100 * time.Millisecond, from: many})[0]
		if got, without := percentile(over.served, 99), percentile(unloaded.served, 99); got > 3*without {
			t.Errorf("the p99 is %v, and %v without load", got, without)
		}
		if got := percentile(over.refused, 99); got >= 5*time.Millisecond {
			t.Errorf("a refusal took %v", got)
		}
	})
}

// TestNobodyIsRefusedWithoutOverload sends what the server can do: a part of its capacity at random
// moments, and bursts that pass.
func TestNobodyIsRefusedWithoutOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(edge.DefaultAdmission(cores))
		for _, part := range []float64{0.1, 0.5, 0.8} {
			if r := m.offer(load{rate: capacity * part, span: 20 * time.Second, from: many})[0]; len(r.refused) > 0 {
				t.Errorf("%d of %d requests were refused at %.1f of the capacity", len(r.refused), len(r.served)+len(r.refused), part)
			}
		}
		for range 20 {
			burst := load{rate: 1e6, span: 150 * time.Microsecond, from: many}
			if r := m.offer(burst)[0]; len(r.refused) > 0 || len(r.served) < 100 {
				t.Errorf("%d of a burst of %d requests were refused", len(r.refused), len(r.served)+len(r.refused))
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
}

// TestNobodyIsRefusedInASlowMoment stops the commits of a server for 150 ms at a time. The server
// refuses no request, because its queue drains soon.
func TestNobodyIsRefusedInASlowMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, capacity := newSharing()
		const moments = 10
		go func() {
			for range moments {
				time.Sleep(time.Second)
				m.commits <- struct{}{}
				time.Sleep(150 * time.Millisecond)
				<-m.commits
			}
		}()
		r := m.offer(load{rate: capacity * 0.6, span: (moments + 2) * time.Second, from: many, only: "send"})[0]
		if len(r.refused) > 0 {
			t.Errorf("%d of %d requests were refused", len(r.refused), len(r.served)+len(r.refused))
		}
	})
}

// TestBurstsAfterAnOverload sends bursts after an overload, which the server can serve. The queue is
// no longer short, although the pauses between them are shorter than the time after which an overload
// may end.
func TestBurstsAfterAnOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(edge.DefaultAdmission(cores))
		if r := m.offer(load{rate: capacity * 3, span: 5 * time.Second, from: many})[0]; len(r.refused) == 0 {
			t.Error("there was no overload")
		}
		for range 10 {
			time.Sleep(800 * time.Millisecond)
			burst := load{rate: 1e6, span: 150 * time.Microsecond, from: many}
			if r := m.offer(burst)[0]; len(r.refused) > 0 || len(r.served) < 100 {
				t.Errorf("%d of a burst of %d requests were refused", len(r.refused), len(r.served)+len(r.refused))
			}
		}
	})
}

// TestBurstsUnderLoadAfterAnOverload is like TestBurstsAfterAnOverload, with a load between the
// bursts. The shorter queue refuses some of a burst, but few of all requests, so that the overload
// ends.
func TestBurstsUnderLoadAfterAnOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(following())
		m.offer(load{rate: capacity * 3, span: 5 * time.Second, from: many})
		var refused int
		var bursts sync.WaitGroup
		bursts.Go(func() {
			for i := range 20 {
				time.Sleep(500 * time.Millisecond)
				r := m.offer(load{rate: 1e6, span: 100 * time.Microsecond, from: many})[0]
				if i >= 10 { // the overload has ended
					refused += len(r.refused)
				}
			}
		})
		m.offer(load{rate: capacity * 0.5, span: 10 * time.Second, from: many})
		if bursts.Wait(); refused > 0 {
			t.Errorf("%d requests were refused", refused)
		}
	})
}

// TestLightOverload offers about as much as the server can do. It goes back and forth between overload
// and none, as the short queue refuses few requests, and the long one is full after a while.
func TestLightOverload(t *testing.T) {
	for name, a := range map[string]edge.Admission{"default": edge.DefaultAdmission(cores), "following": following()} {
		for _, part := range []float64{1, 1.1, 1.2} {
			t.Run(fmt.Sprintf("%s, %.1f times the capacity", name, part), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := newMachine(a)
					const span = 10 * time.Second
					unloaded := m.offer(load{rate: capacity * 0.3, span: span, from: many})[0]
					over := m.offer(load{rate: capacity * part, warmup: 3 * time.Second, span: span, from: many})[0]
					if got := over.goodput(span) / peak(); got < 0.9 {
						t.Errorf("the goodput is %.2f of the peak", got)
					}
					if got, without := percentile(over.served, 99), percentile(unloaded.served, 99); got > 20*without {
						t.Errorf("the p99 is %v, and %v without load", got, without)
					}
				})
			})
		}
	}
}

// TestFloodOfACaller sends three times of what the server can do from one address, and a little
// from others, who are not refused and need not wait for the flood.
func TestFloodOfACaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(edge.DefaultAdmission(cores))
		const span = 10 * time.Second
		others := load{rate: capacity * 0.1, warmup: time.Second, span: span, from: many}
		quiet := m.offer(others)[0]
		r := m.offer(others, load{rate: capacity * 3, warmup: time.Second, span: span, from: func(int) string { return "192.0.2.1" }})
		if len(r[0].refused) > 0 {
			t.Errorf("%d of %d requests of others were refused", len(r[0].refused), len(r[0].served)+len(r[0].refused))
		}
		if got, without := percentile(r[0].served, 99), percentile(quiet.served, 99); got > 3*without {
			t.Errorf("the p99 of others is %v, and %v without the flood", got, without)
		}
		if got := r[1].goodput(span); got < capacity*0.75 {
			t.Errorf("the flood got %.0f requests a second, and nobody else wanted the places", got)
		}
	})
}

// TestKeptRequestsHaveAWayIn floods a server from many addresses. Requests that are kept are
// served.
func TestKeptRequestsHaveAWayIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(edge.DefaultAdmission(cores))
		const span = 5 * time.Second
		r := m.offer(load{rate: capacity * 3, span: span, from: many},
			load{rate: 20, span: span, from: many, arrive: (*edge.Gate).ArriveKept}, load{rate: 20, span: span, from: many})
		if len(r[1].refused) > 0 || len(r[1].served) < 50 {
			t.Errorf("%d of %d requests that are kept were refused", len(r[1].refused), len(r[1].served)+len(r[1].refused))
		}
		if len(r[2].refused) < 25 {
			t.Errorf("%d of %d other requests were refused: there was no overload", len(r[2].refused), len(r[2].served)+len(r[2].refused))
		}
	})
}

// TestRecovery slows a server down for a while, under load, and checks what it does afterwards, and
// that it knows what is slow for a server that has become slower for good.
func TestRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(following())
		usual := load{rate: capacity * 0.7, span: 10 * time.Second, from: many}
		before := m.offer(usual)[0]
		m.slow = 10
		m.offer(usual)
		m.slow = 1
		m.offer(load{rate: capacity * 0.7, span: time.Second, from: many})
		if after := m.offer(usual)[0]; len(after.refused) > 0 || percentile(after.served, 99) > 2*percentile(before.served, 99) {
			t.Errorf("after a slow spell %d are refused, and the p99 is %v; before it was %v",
				len(after.refused), percentile(after.served, 99), percentile(before.served, 99))
		}
		m.slow = 10
		slower := load{rate: capacity * 3 / 10, span: 30 * time.Second, from: many}
		m.offer(slower)
		if got := m.offer(slower)[0].goodput(slower.span); got < 0.7*peak()/10 {
			t.Errorf("a server that has become ten times slower serves %.0f requests a second under overload, want %.0f", got, peak()/10)
		}
	})
}

// TestRefusedRequestsTellNothing checks that requests without a use, which are quick, do not make
// others look slow.
func TestRefusedRequestsTellNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(following())
		for i := range 1000 {
			ctx := edge.Watch(at(edge.WithCall(context.Background(), edge.Call{Operation: "send"}), many(i)))
			ctx, err := m.gate.Arrive(edge.WithCall(ctx, edge.Call{Operation: []string{"short", "long"}[i%2], Address: many(i)}))
			if err != nil {
				t.Fatal(err)
			}
			if err := m.gate.Confirm(ctx, fault.InvalidField("content", "is missing")); !errors.Is(err, fault.Invalid) {
				t.Fatal(err)
			}
		}
		const span = 5 * time.Second
		m.offer(load{rate: capacity * 3, span: time.Second, from: many})
		if got := m.offer(load{rate: capacity * 3, span: span, from: many})[0].goodput(span); got < 0.9*peak() {
			t.Errorf("the goodput is %.0f a second", got)
		}
	})
}
