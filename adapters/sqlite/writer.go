package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/core/uow"
)

// The bounds of a batch: how many units share a commit, and how long the first of them waits for
// others.
const (
	maxBatch    = 256
	maxBatchAge = 25 * time.Millisecond
)

// The bounds of the time that a batch waits for as many units as the one before it had, while none
// of them runs. It is the time that the last commit took. If that was less than leastWait, a batch
// does not wait: timers are not so precise.
const (
	leastWait = 500 * time.Microsecond
	mostWait  = time.Millisecond
)

// writer runs the units that write, one after the other in the order of their arrival, on its one
// connection. A unit that has the connection ends its turn with release. If another unit waits, it
// gets the connection, and joins the same transaction, in a savepoint from its first write. If none
// waits, release commits the transaction for all units of the batch. So a lone unit commits
// immediately, and units that arrive while the disk is busy share the next flush.
//
// Clients that were answered by one flush come back one after the other. The first of their units
// would begin a flush of its own, for which the others had to wait. So it waits for them, at most
// as long as a flush takes: see gather.
type writer struct {
	open func(ctx context.Context) (*conn, error)

	mu    sync.Mutex
	taken bool            // a unit has the connection
	queue []chan struct{} // the waiting units; closing a channel hands the connection over
	bell  chan struct{}   // is closed when a unit joins the queue; nil if nobody listens

	// Only the unit that has the connection uses these.
	conn  *conn  // opened when it is needed; nil before
	batch *batch // the open transaction, or nil
	usual usual
}

// usual is what a batch expects because of the one before it.
type usual struct {
	units int           // as many as shared that one
	wait  time.Duration // for so many units; 0 if it is not worthwhile
}

// batch is a transaction, with the units in it that wait for its end.
type batch struct {
	units  int // that succeeded
	begun  time.Time
	waited time.Duration // for further units
	done   chan struct{} // closed when the transaction has ended
	err    error         // the result, once done is closed
}

// full reports whether no further unit joins the batch.
func (b *batch) full() bool { return b.units >= maxBatch || time.Since(b.begun) >= maxBatchAge }

// run runs fn in a transaction, and returns when the transaction is on the disk. It passes the
// connection on however fn ends. The end of ctx ends only the wait for the connection.
func (w *writer) run(ctx context.Context, gate *uow.Gate, fn func(c *conn) error) error {
	if err := w.acquire(ctx, gate); err != nil {
		return err
	}
	b, err := w.turn(fn)
	if b == nil {
		return err
	}
	<-b.done
	return cmp.Or(b.err, err)
}

// turn runs fn with the connection and releases it. The unit takes effect with the batch that turn
// returns, which is nil if it has no effect.
func (w *writer) turn(fn func(c *conn) error) (joined *batch, err error) {
	defer w.release()
	if err := w.begin(); err != nil {
		return nil, fmt.Errorf("sqlite: begin: %w", err)
	}
	succeeded := false
	defer func() { // also if fn panics or ends the goroutine
		if !succeeded && w.conn.undoing != never {
			w.undo()
			return
		}
		w.batch.units++
		joined = w.batch
	}()
	if err := fn(w.conn); err != nil {
		return nil, err
	}
	if w.conn.undoing == bySavepoint {
		if _, err := w.conn.exec(context.Background(), "RELEASE unit"); err != nil {
			return nil, fmt.Errorf("sqlite: end a unit: %w", err)
		}
	}
	succeeded = true
	return joined, nil
}

// undoing is how the writes of the unit that has the connection are undone if it fails.
type undoing int

const (
	byRollback  undoing = iota // with the transaction, which is the unit's alone
	byNothing                  // there are no writes: protect begins a savepoint for the first one
	bySavepoint                // with the savepoint
	withOthers                 // with the transaction, which is lost to the other units of the batch, too
	never                      // the unit has succeeded
)

// protect makes it possible to undo the writes that follow. A savepoint makes SQLite copy each page
// that is changed, so a unit has none before it needs one.
func (c *conn) protect() error {
	if c.undoing != byNothing {
		return nil
	}
	if _, err := c.exec(context.Background(), "SAVEPOINT unit"); err != nil {
		return err
	}
	c.undoing = bySavepoint
	return nil
}

// begin opens a transaction, or joins the open one.
func (w *writer) begin() (err error) {
	ctx := context.Background() // the end of one unit must not interrupt the transaction of others
	if w.batch != nil {
		w.conn.undoing, w.conn.failed = byNothing, false
		return nil
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
	w.conn.undoing = byRollback
	w.batch = &batch{begun: time.Now(), done: make(chan struct{})}
	return nil
}

// undo rolls back the unit that has the connection, and no other.
func (w *writer) undo() {
	ctx := context.Background()
	lost := false
	switch w.conn.undoing {
	case byRollback:
		if _, err := w.conn.exec(ctx, "ROLLBACK"); err != nil {
			w.discard()
		}
		w.batch = nil
	case bySavepoint:
		_, err := w.conn.exec(ctx, "ROLLBACK TO unit")
		if err == nil {
			_, err = w.conn.exec(ctx, "RELEASE unit")
		}
		lost = err != nil // some errors, such as a full disk, end the whole transaction
	case byNothing:
		lost = w.conn.failed
	case withOthers, never:
		lost = true
	}
	if lost {
		w.discard()
		w.end(errBatchLost)
	}
}

// commit commits the units of the batch.
func (w *writer) commit() {
	began := time.Now()
	if _, err := w.conn.exec(context.Background(), "COMMIT"); err != nil {
		w.discard()
		w.end(fmt.Errorf("sqlite: commit: %w", translateCommit(err)))
		return
	}
	w.usual = usual{units: w.batch.units, wait: min(time.Since(began), mostWait)}
	if w.usual.wait < leastWait {
		w.usual.wait = 0
	}
	w.end(nil)
}

func (w *writer) end(err error) {
	w.batch.err = err
	close(w.batch.done)
	w.batch = nil
}

// discard closes a connection whose transaction may have failed. Its uncommitted writes are rolled
// back.
func (w *writer) discard() {
	_ = w.conn.close() // it has failed already; the next unit opens another
	w.conn = nil
}

// acquire waits for the connection until ctx ends or the store is closed.
func (w *writer) acquire(ctx context.Context, gate *uow.Gate) (err error) {
	w.mu.Lock()
	if !w.taken {
		w.taken = true
		w.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	w.queue = append(w.queue, turn)
	if w.bell != nil {
		close(w.bell)
		w.bell = nil
	}
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
		w.release() // the connection was handed over at the same moment
	}
	return err
}

// waiting returns the number of units in the queue.
func (w *writer) waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue)
}

// withdraw leaves the queue. It returns false if the unit has the connection already.
func (w *writer) withdraw(turn chan struct{}) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.queue, turn)
	if i >= 0 {
		w.queue = slices.Delete(w.queue, i, i+1)
	}
	return i >= 0
}

// release hands the connection to the next unit in the queue, for which it may wait, or commits the
// batch.
func (w *writer) release() {
	for !w.handOver() {
		if w.batch.full() || !w.gather() {
			w.commit()
		}
	}
}

// gather waits for a further unit of the batch, if there may be one, and reports whether it came.
func (w *writer) gather() bool {
	left := w.usual.wait - w.batch.waited
	if w.batch.units >= w.usual.units || left <= 0 {
		return false
	}
	w.mu.Lock()
	if len(w.queue) > 0 {
		w.mu.Unlock()
		return true
	}
	bell := make(chan struct{})
	w.bell = bell
	w.mu.Unlock()
	begun, timer := time.Now(), time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-bell:
		w.batch.waited += time.Since(begun)
		return true
	case <-timer.C:
		w.mu.Lock()
		defer w.mu.Unlock()
		w.batch.waited = w.usual.wait
		w.bell = nil
		return len(w.queue) > 0
	}
}

// handOver gives the connection away, and reports whether it did. It returns false if the caller
// must commit the batch first.
func (w *writer) handOver() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.batch != nil && w.batch.full():
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

// close closes the connection. No unit may be running.
func (w *writer) close() error {
	if w.conn == nil {
		return nil
	}
	err := w.conn.close()
	w.conn = nil
	return err
}
