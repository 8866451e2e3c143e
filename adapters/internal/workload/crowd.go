package workload

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
)

// Crowd is clients at work, all at once. Each repeats a command with its key for as long as the service cannot do it
// (fault.Unavailable), and goes on with the next one when it was acknowledged. Start and Stop take turns.
type Crowd struct {
	clients []*Client
	stop    chan struct{}
	all     sync.WaitGroup

	mu     sync.Mutex
	next   []int         // of each client, the command that was not acknowledged yet
	moved  chan struct{} // closed, and made anew, with each answer
	counts Counts
	failed error // what no client should be told
}

// Counts are the answers that a crowd has got, and the longest time that one took.
type Counts struct {
	Acknowledged, Unavailable int
	Longest                   time.Duration
}

// NewCrowd makes a client of each pair.
func NewCrowd(c *community.Community, admin id.User, pairs []community.Pair) *Crowd {
	crowd := &Crowd{next: make([]int, len(pairs)), moved: make(chan struct{})}
	for n, pair := range pairs {
		crowd.clients = append(crowd.clients, &Client{Community: c, Admin: admin, Pair: pair, Number: n})
	}
	return crowd
}

// Start lets all go on where they stopped.
func (c *Crowd) Start() {
	c.stop = make(chan struct{})
	for _, client := range c.clients {
		c.all.Go(func() { c.live(client) })
	}
}

// Stop ends the work, when all have got their answers. It fails the test where one was told something unexpected.
func (c *Crowd) Stop(t testing.TB) {
	t.Helper()
	close(c.stop)
	c.all.Wait()
	if c.failed != nil {
		t.Fatal(c.failed)
	}
}

// Counts says what the crowd was told so far.
func (c *Crowd) Counts() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts
}

// Judge looks at what a crowd that has stopped leaves behind.
func (c *Crowd) Judge(t testing.TB) Verdict {
	t.Helper()
	return Judge(t, c.clients[0].Community, c.next)
}

// AwaitEach waits until each client has got another n commands acknowledged, and says how long it took. It fails the test
// after so long.
func (c *Crowd) AwaitEach(t testing.TB, n int, within time.Duration) time.Duration {
	t.Helper()
	c.mu.Lock()
	goal := slices.Clone(c.next)
	c.mu.Unlock()
	for i := range goal {
		goal[i] += n
	}
	return c.await(t, within, fmt.Sprintf("have not all been served up to %v", goal), func() bool {
		return !slices.ContainsFunc(c.clients, func(client *Client) bool { return c.next[client.Number] < goal[client.Number] })
	})
}

// AwaitUnavailable waits until n more commands were answered with a fault.Unavailable. It fails the test after so long.
func (c *Crowd) AwaitUnavailable(t testing.TB, n int, within time.Duration) {
	t.Helper()
	goal := c.Counts().Unavailable + n
	c.await(t, within, fmt.Sprintf("have not been refused %d times", goal), func() bool { return c.counts.Unavailable >= goal })
}

func (c *Crowd) await(t testing.TB, within time.Duration, otherwise string, there func() bool) time.Duration {
	t.Helper()
	begun := time.Now()
	late := time.After(within)
	for {
		c.mu.Lock()
		done, moved, failed, next := there(), c.moved, c.failed, slices.Clone(c.next)
		c.mu.Unlock()
		switch {
		case failed != nil:
			t.Fatal(failed)
		case done:
			return time.Since(begun)
		}
		select {
		case <-moved:
		case <-late:
			t.Fatalf("after %v the clients %s: they are at %v", within, otherwise, next)
		}
	}
}

func (c *Crowd) live(client *Client) {
	for n := c.next[client.Number]; ; n++ {
		for {
			begun := time.Now()
			err := client.Command(context.Background(), n)
			if c.note(client, n, err, time.Since(begun)) {
				break
			}
			if !errors.Is(err, fault.Unavailable) {
				return
			}
			select { // a little, as those do who are told to try again
			case <-time.After(rand.N(40 * time.Millisecond)):
			case <-c.stop:
				return
			}
		}
		select {
		case <-c.stop:
			return
		default:
		}
	}
}

// note keeps what a client was told, and reports whether it was an acknowledgement.
func (c *Crowd) note(client *Client, n int, err error, took time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.Longest = max(c.counts.Longest, took)
	switch {
	case err == nil:
		c.next[client.Number] = n + 1
		c.counts.Acknowledged++
	case errors.Is(err, fault.Unavailable):
		c.counts.Unavailable++
	default:
		c.failed = fmt.Errorf("client %d, command %d: %w", client.Number, n, err)
	}
	close(c.moved)
	c.moved = make(chan struct{})
	return err == nil
}
