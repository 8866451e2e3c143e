package live_test

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/live"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// TestNoLossAndNoRepeat lets a client connect again and again at random points, to random processes, while
// others write, and while the store cannot be reached now and then.
func TestNoLossAndNoRepeat(t *testing.T) {
	resets, connections := 0, 0
	for run := range 20 {
		random := rand.New(rand.NewPCG(1, uint64(run)))
		inStreet(t, func(s *street) {
			s.policy.Buffer, s.policy.Recent = 1+random.IntN(30), 1+random.IntN(100)
			if run%2 == 0 {
				s.policy.Recent = 10 * lastAmount
			}
			relay := s.relay()
			c := &client{
				street: s, random: random, caller: users.Caller{UserID: id.User(s.IDs.Next())},
				processes: []*live.Service{s.process(relay), s.process(nil), s.process(nil)},
			}
			go c.write(random.Uint64())
			go c.fail(random.Uint64())
			for c.known < lastAmount {
				c.connect()
			}
			c.done.Store(true)
			time.Sleep(10 * time.Second)
			if s.policy.Recent > 3*lastAmount && c.resets > 0 {
				t.Errorf("run %d: %d resets, although all events were in memory", run, c.resets)
			}
			resets, connections = resets+c.resets, connections+c.connections
		})
	}
	t.Logf("%d connections, %d resets", connections, resets)
	if resets == 0 || connections < 300 {
		t.Error("too few connections or resets to try anything")
	}
}

const lastAmount = 500

// client follows the wallet of a user, whose amounts are 1, 2, 3 and so on to lastAmount.
type client struct {
	*street
	random    *rand.Rand
	caller    users.Caller
	processes []*live.Service
	written   atomic.Int64 // the last amount that was committed
	done      atomic.Bool

	after               *int64
	last                int64 // the amount that was told last; 0 after a Reset
	known               int64 // all amounts up to here were told, or read after a Reset
	resets, connections int
}

// connect reads a stream for a while.
func (c *client) connect() {
	time.Sleep(time.Duration(c.random.IntN(200)) * time.Millisecond)
	stream, err := c.processes[c.random.IntN(len(c.processes))].Open(c.Ctx, c.caller, c.after)
	if err != nil {
		return
	}
	defer stream.Close()
	c.connections++
	if c.after == nil {
		c.known = c.written.Load() // a client reads its lists when the stream is open
	}
	for range c.random.IntN(10) {
		items, position, err := stream.Next(c.Ctx, time.Duration(c.random.IntN(300))*time.Millisecond)
		if err != nil {
			return
		}
		for _, i := range items {
			c.take(i)
			if c.after = &i.Position; c.random.IntN(30) == 0 {
				return // it breaks off within what was sent
			}
		}
		c.after = &position
		if c.random.IntN(10) == 0 {
			time.Sleep(time.Duration(c.random.IntN(2000)) * time.Millisecond) // it reads slowly
		}
	}
}

func (c *client) take(i *live.Item) {
	if i.Reset {
		c.resets++
		c.last, c.known = 0, max(c.known, c.written.Load())
		return
	}
	amount := i.Event.Data.(events.WalletChanged).Amount
	if c.last > 0 && amount != c.last+1 || amount > c.known+1 {
		c.t.Errorf("told of %d after %d, while all up to %d are known", amount, c.last, c.known)
	}
	c.last, c.known = amount, max(c.known, amount)
}

// write adds the events of the wallet, and of another one, whose user has no streams.
func (c *client) write(seed uint64) {
	random, other := rand.New(rand.NewPCG(2, seed)), id.User(c.IDs.Next())
	for c.written.Load() < lastAmount {
		from := c.written.Load() + 1
		to := min(from+random.Int64N(5), lastAmount)
		err := c.Store.Do(context.Background(), func(ctx context.Context, tx ports.Tx) error {
			for n := from; n <= to; n++ {
				for _, user := range []id.User{c.caller.UserID, other} {
					if err := events.Add(ctx, tx, c.IDs, c.Clock.Now(), n, events.WalletChanged{UserID: user, Amount: n}); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err == nil {
			c.written.Store(to)
		}
		time.Sleep(time.Duration(random.IntN(60)) * time.Millisecond)
	}
}

// fail makes the store unreachable now and then.
func (c *client) fail(seed uint64) {
	random := rand.New(rand.NewPCG(3, seed))
	for !c.done.Load() {
		time.Sleep(time.Duration(random.IntN(3000)) * time.Millisecond)
		c.faults.down.Store(true)
		time.Sleep(time.Duration(random.IntN(1000)) * time.Millisecond)
		c.faults.down.Store(false)
	}
}
