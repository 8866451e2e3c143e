package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// readers is a pool of connections that read, of a fixed size. A connection is opened when it is
// first needed. The connection that was used last is used next, because it has prepared statements.
type readers struct {
	open  func(ctx context.Context) (*conn, error)
	slots chan struct{} // its capacity is the number of concurrent readers

	mu   sync.Mutex
	idle []*conn // open and unused
}

func newReaders(n int, open func(ctx context.Context) (*conn, error)) *readers {
	return &readers{open: open, slots: make(chan struct{}, n)}
}

// use lends a connection to fn.
func (r *readers) use(ctx context.Context, fn func(c *conn) error) error {
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("sqlite: wait for a connection: %w", ctx.Err())
	}
	defer func() { <-r.slots }()
	c, err := r.take(ctx)
	if err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	defer r.giveBack(c) // also if fn panics or ends the goroutine
	return fn(c)
}

func (r *readers) take(ctx context.Context) (*conn, error) {
	r.mu.Lock()
	last := len(r.idle) - 1
	if last < 0 {
		r.mu.Unlock()
		return r.open(ctx)
	}
	c := r.idle[last]
	r.idle = r.idle[:last]
	r.mu.Unlock()
	return c, nil
}

func (r *readers) giveBack(c *conn) {
	if c.broken {
		_ = c.close() // it has failed already; the next reader opens another
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = append(r.idle, c)
}

// unused returns the number of open connections that are not lent.
func (r *readers) unused() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.idle)
}

// snapshot lends a connection that sees the store as it is at one moment.
func (r *readers) snapshot(ctx context.Context, fn func(c *conn) error) error {
	return r.use(ctx, func(c *conn) error { return atOneMoment(ctx, c, fn) })
}

// atOneMoment runs fn in a read-only transaction.
func atOneMoment(ctx context.Context, c *conn, fn func(c *conn) error) error {
	if _, err := c.exec(ctx, "BEGIN"); err != nil {
		return fmt.Errorf("sqlite: begin to read: %w", err)
	}
	defer func() { // the result of the reads does not depend on how the transaction ends
		_, err := c.exec(context.WithoutCancel(ctx), "ROLLBACK")
		c.broken = err != nil
	}()
	return fn(c)
}

// close closes all connections. None may be in use.
func (r *readers) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var failed []error
	for _, c := range r.idle {
		failed = append(failed, c.close())
	}
	r.idle = nil
	return errors.Join(failed...)
}
