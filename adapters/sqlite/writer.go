package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/core/uow"
)

// The bounds of one batch: how many units share a commit, and how long the first of them waits for others.
const (
	maxBatch    = 256
	maxBatchAge = 25 * time.Millisecond
)

// writer runs the units that write, one after the other and in the order in which they came, on its one
// connection. Whoever has the connection ends its turn with release: to the next in the queue, whose unit then
// joins the same transaction in a savepoint, or, where nobody waits, with the commit that all of the batch wait
// for. So a lone unit commits at once, and units that come while the disk is busy share the next flush.
type writer struct {
	open func(ctx context.Context) (*conn, error)

	mu    sync.Mutex
	taken bool            // somebody has the connection
	queue []chan struct{} // those who wait for it; closed to hand it over

	// Only for who has the connection.
	conn  *conn  // nil where there is none: it is opened when it is needed
	batch *batch // the transaction under way, or nil
}

// batch is one transaction, and the units in it that wait for its end.
type batch struct {
	units int // that have succeeded
	begun time.Time
	done  chan struct{} // closed when it is over
	err   error         // what became of it then
}

// run runs fn in a transaction, and returns when that is on the disk. Whatever way fn ends, the connection is
// passed on. Of the waiting, ctx ends that for the connection.
func (w *writer) run(ctx context.Context, gate *uow.Gate, fn func(c *conn) error) error {
	if err := w.acquire(ctx, gate); err != nil {
		return err
	}
	b, err := w.turn(fn)
	if err != nil {
		return err
	}
	<-b.done
	return b.err
}

// turn runs fn with the connection and releases it. The unit is kept when the batch is.
func (w *writer) turn(fn func(c *conn) error) (*batch, error) {
	defer w.release()
	if err := w.begin(); err != nil {
		return nil, fmt.Errorf("sqlite: begin: %w", err)
	}
	joined := false
	defer func() { // also where fn panics or ends the goroutine
		if !joined {
			w.undo()
		}
	}()
	if err := fn(w.conn); err != nil {
		return nil, err
	}
	if w.batch.units > 0 {
		if _, err := w.conn.exec(context.Background(), "RELEASE unit"); err != nil {
			return nil, fmt.Errorf("sqlite: end a unit: %w", err)
		}
	}
	joined = true
	w.batch.units++
	return w.batch, nil
}

// begin opens a transaction or, in one that others have begun, a savepoint.
func (w *writer) begin() (err error) {
	ctx := context.Background() // what is done here is undone by others
	if w.batch != nil {
		_, err = w.conn.exec(ctx, "SAVEPOINT unit")
		return err
	}
	if w.conn == nil {
		if w.conn, err = w.open(ctx); err != nil {
			return err
		}
	}
	if _, err := w.conn.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		if !errors.Is(err, uow.ErrConflict) {
			w.discard()
		}
		return err
	}
	w.batch = &batch{begun: time.Now(), done: make(chan struct{})}
	return nil
}

// undo takes back the unit that has the connection, and nothing else.
func (w *writer) undo() {
	ctx := context.Background()
	if w.batch.units == 0 {
		if _, err := w.conn.exec(ctx, "ROLLBACK"); err != nil {
			w.discard()
		}
		w.batch = nil
		return
	}
	_, err := w.conn.exec(ctx, "ROLLBACK TO unit")
	if err == nil {
		_, err = w.conn.exec(ctx, "RELEASE unit")
	}
	if err != nil { // some failures, like a full disk, end the whole transaction
		w.discard()
		w.end(errBatchLost)
	}
}

// commit ends the batch with all that its units wrote.
func (w *writer) commit() {
	if _, err := w.conn.exec(context.Background(), "COMMIT"); err != nil {
		w.discard()
		w.end(fmt.Errorf("sqlite: commit: %w", translateCommit(err)))
		return
	}
	w.end(nil)
}

func (w *writer) end(err error) {
	w.batch.err = err
	close(w.batch.done)
	w.batch = nil
}

// discard closes a connection whose transaction cannot be trusted any more; what it had not committed is gone.
func (w *writer) discard() {
	_ = w.conn.close() // it has failed already, and the next unit opens another
	w.conn = nil
}

// acquire waits for the connection until ctx or the store ends.
func (w *writer) acquire(ctx context.Context, gate *uow.Gate) (err error) {
	w.mu.Lock()
	if !w.taken {
		w.taken = true
		w.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	w.queue = append(w.queue, turn)
	w.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		err = fmt.Errorf("sqlite: wait for the unit before: %w", ctx.Err())
	case <-gate.Closing():
		err = gate.ErrClosed()
	}
	if !w.withdraw(turn) {
		w.release() // it was handed over at the same moment
	}
	return err
}

// withdraw leaves the queue, and reports whether it was not too late for that.
func (w *writer) withdraw(turn chan struct{}) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.queue, turn)
	if i >= 0 {
		w.queue = slices.Delete(w.queue, i, i+1)
	}
	return i >= 0
}

// release hands the connection to the next in the queue, or commits what nobody will join.
func (w *writer) release() {
	for !w.handOver() {
		w.commit()
	}
}

// handOver reports whether the caller is rid of the connection: it is not where the batch is to be committed first.
func (w *writer) handOver() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	full := w.batch != nil && (w.batch.units >= maxBatch || time.Since(w.batch.begun) >= maxBatchAge)
	switch {
	case full:
		return false
	case len(w.queue) > 0:
		close(w.queue[0])
		w.queue = slices.Delete(w.queue, 0, 1)
		return true
	case w.batch != nil:
		return false
	}
	w.taken = false
	return true
}

// close lets go of the connection. No unit may be under way.
func (w *writer) close() error {
	if w.conn == nil {
		return nil
	}
	err := w.conn.close()
	w.conn = nil
	return err
}
