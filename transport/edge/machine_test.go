package edge_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/transport/edge"
)

// machine is a server with some cores, in the time of a bubble of synctest, so that what it can do
// does not depend on the machine that runs the test. Requests wait for a core in the order of their
// arrival, and each that waits costs the others some time.
type machine struct {
	gate  *edge.Gate
	cores chan struct{}

	mu   sync.Mutex
	in   int     // requests that run or wait for a core
	slow float64 // how many times as long as usual requests take

	// If requests share commits, one of which is under way at a time:
	commits chan struct{} // nil if each request takes its own time
	next    *shared       // the requests that wait for the next commit; nil if there are none
}

// shared is the requests of a commit.
type shared struct {
	count int
	done  chan struct{} // closed after the commit
}

// How long a commit takes: with one request 9 ms, and with 100 of them 108.
const (
	commitTime = 8 * time.Millisecond
	sharedTime = time.Millisecond
)

const (
	cores = 8
	// capacity is how many requests a machine with so many cores can serve in a second: half of them
	// are short, and half of them long.
	capacity = cores / 0.004
)

var operations = map[string]time.Duration{"short": 2 * time.Millisecond, "long": 6 * time.Millisecond}

func newMachine(a edge.Admission) *machine {
	return &machine{gate: edge.NewGate(&door{}, edge.Limits{Admission: a}), cores: make(chan struct{}, cores), slow: 1}
}

// newSharing returns a machine whose requests share commits, and the number of requests that it can
// serve in a second.
func newSharing() (m *machine, capacity float64) {
	a := edge.DefaultAdmission(1)
	m = newMachine(a)
	m.commits = make(chan struct{}, 1)
	half := a.Most / 2 // waits while the others are committed
	return m, float64(half) / (commitTime + time.Duration(half)*sharedTime).Seconds()
}

// serve serves a request that takes a time if it is alone.
func (m *machine) serve(ctx context.Context, took time.Duration, arrive func(*edge.Gate, context.Context) (context.Context, error)) error {
	ctx = edge.Watch(ctx)
	defer m.gate.Depart(ctx)
	ctx, err := arrive(m.gate, ctx)
	if err != nil {
		return err
	}
	if edge.CallFrom(ctx).Operation == "long" { // the body of the request arrives at once
		_, end := m.gate.BeginBody(ctx, 100)
		defer end()
		if err := m.gate.Resume(ctx); err != nil {
			return err
		}
	}
	if m.commits != nil {
		m.commit()
		return m.gate.Confirm(ctx, nil)
	}
	m.mu.Lock()
	m.in++
	took = time.Duration(float64(took) * m.slow * (1 + float64(m.in)/1000))
	m.mu.Unlock()
	m.cores <- struct{}{}
	time.Sleep(took)
	<-m.cores
	m.mu.Lock()
	m.in--
	m.mu.Unlock()
	return m.gate.Confirm(ctx, nil)
}

// commit waits for a commit that begins later.
func (m *machine) commit() {
	m.mu.Lock()
	c := m.next
	isFirst := c == nil
	if isFirst {
		c = &shared{done: make(chan struct{})}
		m.next = c
	}
	c.count++
	m.mu.Unlock()
	if !isFirst {
		<-c.done
		return
	}
	m.commits <- struct{}{}
	m.mu.Lock()
	m.next = nil
	took := m.slow * float64(commitTime+time.Duration(c.count)*sharedTime)
	m.mu.Unlock()
	time.Sleep(time.Duration(took))
	<-m.commits
	close(c.done)
}

// results are those of one load.
type results struct {
	served, refused []time.Duration // how long it took, in ascending order
}

func (r results) goodput(span time.Duration) float64 { return float64(len(r.served)) / span.Seconds() }

func percentile(all []time.Duration, p int) time.Duration { return all[(len(all)*p+99)/100-1] }

// load is requests at random moments, whether or not earlier ones were answered.
type load struct {
	rate   float64       // per second
	warmup time.Duration // before the time that is measured, in which an overload is found
	span   time.Duration
	pause  time.Duration      // in which nobody sends a request, in each quarter of a second
	from   func(i int) string // the address of the caller of a request
	only   string             // the operation; "" for any
	arrive func(*edge.Gate, context.Context) (context.Context, error)
}

// following returns an admission whose limit is above its least under overload: it follows from how
// long requests take.
func following() edge.Admission {
	a := edge.DefaultAdmission(cores)
	a.Least = cores / 2
	return a
}

// many are 1,000 callers.
func many(i int) string { return fmt.Sprintf("10.0.%d.%d", i/250%4, i%250) }

// offer sends loads together, and returns their results when all requests have ended.
func (m *machine) offer(loads ...load) []results {
	all := make([]results, len(loads))
	var mu sync.Mutex
	var requests sync.WaitGroup
	for n, l := range loads {
		if l.arrive == nil {
			l.arrive = (*edge.Gate).Arrive
		}
		requests.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(n)))
			start := time.Now().Add(l.warmup)
			end := start.Add(l.span)
			for i := 0; ; i++ {
				time.Sleep(time.Duration(random.ExpFloat64() / l.rate * float64(time.Second)))
				if into := time.Since(start.Add(-l.warmup)) % (time.Second / 4); into < l.pause {
					time.Sleep(l.pause - into)
				}
				if !time.Now().Before(end) {
					return
				}
				operation := []string{"short", "long"}[random.IntN(2)]
				if l.only != "" {
					operation = l.only
				}
				took := time.Duration(random.ExpFloat64() * float64(operations[operation]))
				requests.Go(func() {
					begun := time.Now()
					ctx := edge.WithCall(context.Background(), edge.Call{Operation: operation, Address: l.from(i)})
					err := m.serve(ctx, took, l.arrive)
					mu.Lock()
					defer mu.Unlock()
					switch {
					case begun.Before(start):
					case err == nil:
						all[n].served = append(all[n].served, time.Since(begun))
					case errors.Is(err, edge.ErrBusy):
						all[n].refused = append(all[n].refused, time.Since(begun))
					default:
						panic(err)
					}
				})
			}
		})
	}
	requests.Wait()
	for _, r := range all {
		slices.Sort(r.served)
		slices.Sort(r.refused)
	}
	return all
}
