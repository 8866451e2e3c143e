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

// Crowd runs clients concurrently. Each client repeats a command with its key as long as it gets
// fault.Unavailable, and continues with the next one when the command is acknowledged. Calls of
// Start and Stop must alternate.
type Crowd struct {
	clients []*Client
	stop    chan struct{}
	all     sync.WaitGroup

	mu     sync.Mutex
	next   []int         // for each client, the first command that was not acknowledged
	moved  chan struct{} // closed and replaced with each answer
	counts Counts
	failed error // an unexpected error of a command
}

// Counts has the numbers of answers to a crowd, and the longest time of one.
type Counts struct {
	Acknowledged, Unavailable int
	Longest                   time.Duration
}

// NewCrowd returns a Crowd with a client for each pair.
func NewCrowd(c *community.Community, admin id.User, pairs []community.Pair) *Crowd {
	crowd := &Crowd{next: make([]int, len(pairs)), moved: make(chan struct{})}
	for n, pair := range pairs {
		crowd.clients = append(crowd.clients, &Client{Community: c, Admin: admin, Pair: pair, Number: n})
	}
	return crowd
}

// Start starts the clients, each with the command at which it stopped.
func (c *Crowd) Start() {
	c.stop = make(chan struct{})
	for _, client := range c.clients {
		c.all.Go(func() { c.work(client) })
	}
}

// Stop stops the clients and waits until each has the answer to its command. It fails the test if a
// client got an unexpected error.
func (c *Crowd) Stop(t testing.TB) {
	t.Helper()
	close(c.stop)
	c.all.Wait()
	if c.failed != nil {
		t.Fatal(c.failed)
	}
}

// Counts returns the current counts.
func (c *Crowd) Counts() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts
}

// Judge checks the store after Stop.
func (c *Crowd) Judge(t testing.TB) Verdict {
	t.Helper()
	return Judge(t, c.clients[0].Community, c.next)
}

// AwaitEach waits until n more commands of each client have been acknowledged, and returns how long
// it took. It fails the test after the given time.
func (c *Crowd) AwaitEach(t testing.TB, n int, within time.Duration) time.Duration {
	t.Helper()
	c.mu.Lock()
	goal := slices.Clone(c.next)
	c.mu.Unlock()
	for i := range goal {
		goal[i] += n
	}
	return c.await(t, within, fmt.Sprintf("have not reached %v", goal), func() bool {
		return !slices.ContainsFunc(c.clients, func(client *Client) bool { return c.next[client.Number] < goal[client.Number] })
	})
}

// AwaitUnavailable waits until n more commands have failed with fault.Unavailable. It fails the
// test after the given time.
func (c *Crowd) AwaitUnavailable(t testing.TB, n int, within time.Duration) {
	t.Helper()
	goal := c.Counts().Unavailable + n
	c.await(t, within, fmt.Sprintf("have not got %d errors", goal), func() bool { return c.counts.Unavailable >= goal })
}

func (c *Crowd) await(t testing.TB, within time.Duration, failure string, reached func() bool) time.Duration {
	t.Helper()
	begun := time.Now()
	late := time.After(within)
	for {
		c.mu.Lock()
		done, moved, failed, next := reached(), c.moved, c.failed, slices.Clone(c.next)
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
			t.Fatalf("after %v the clients %s: they are at %v", within, failure, next)
		}
	}
}

func (c *Crowd) work(client *Client) {
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
			select { // a short pause before the retry
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

// note records the answer to a command, and reports whether it was acknowledged.
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
