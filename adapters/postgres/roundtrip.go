package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// answers are the results of a round trip, in the order of its commands. pgx.BatchResults
// implements it.
type answers interface {
	Query() (pgx.Rows, error)
	Exec() (pgconn.CommandTag, error)
	Close() error
}

// answer is the result of a single command that was sent without a batch.
type answer struct {
	rows pgx.Rows
	err  error
}

func (a answer) Query() (pgx.Rows, error) { return a.rows, a.err }

func (a answer) Exec() (tag pgconn.CommandTag, err error) {
	if err = a.Close(); err == nil {
		tag = a.rows.CommandTag()
	}
	return tag, err
}

func (a answer) Close() error {
	if a.err != nil { // then the pgx.Tx of a host may have returned no rows
		return a.err
	}
	a.rows.Close()
	return a.rows.Err()
}

// send sends several commands in a batch, and a single one without, which takes pgx less time.
// isNotCommitted must know whether a commit was sent. The error of a batch tells, and so does
// pgx.Conn.Query: it returns an error only if it has not sent the statement. In the simple protocol
// it does not. A host's pool may use that, so the commits of such a pool always go in batches.
func (c *conn) send(ctx context.Context, commands []command) answers {
	if len(commands) == 1 && !(c.frame.keeps && c.store.hosts) {
		rows, err := c.on.Query(ctx, c.store.text(commands[0].statement), commands[0].args...)
		if err != nil {
			err = fmt.Errorf("%w: %w", errUnsent, err)
		}
		return answer{rows, err}
	}
	batch := &pgx.Batch{}
	for _, cmd := range commands {
		batch.Queue(c.store.text(cmd.statement), cmd.args...)
	}
	return c.on.SendBatch(ctx, batch)
}

// roundTrip sends the commands, and reads their results.
func (c *conn) roundTrip(ctx context.Context, commands []command) (err error) {
	w := c.startWait(ctx, c.store.options.patience(), errSilent)
	defer w.stop()
	c.begun = c.frame.begin != ""
	c.store.roundTrips.Add(1)
	results := c.send(w, commands)
	defer func() {
		if closed := results.Close(); err == nil {
			err = closed
		}
		if errors.Is(err, pgx.ErrTxClosed) {
			c.begun = false // the host has ended its transaction, and another user may have its connection
		}
		c.ended = w.Err() != nil
		if err != nil && errors.Is(context.Cause(w), errSilent) && !isAnswer(err) {
			err = fmt.Errorf("%w: %w", errSilent, err)
			c.store.pool.Reset() // the other connections are most likely dead, too
		}
	}()
	for i, cmd := range commands {
		if i == len(commands)-1 {
			c.queue, c.added = nil, nil
		}
		read := cmd.read
		if read == nil {
			read = func(results answers) error { _, err := results.Exec(); return err }
		}
		if err := read(results); err != nil {
			return err
		}
	}
	return nil
}

// exchange replaces a dead connection. The idle ones have most likely died with it.
func (c *conn) exchange(ctx context.Context) error {
	c.release()
	c.store.pool.Reset()
	c.lease, c.on = nil, nil
	if err := c.acquire(ctx); err != nil {
		return err
	}
	c.begun = false
	return nil
}

// leave rolls back a unit that did not commit, even if ctx has ended, and returns the connection to
// the pool. A connection that cannot roll back is closed; its server process then rolls back.
func (c *conn) leave(ctx context.Context) {
	defer c.wait.close()
	if c.begun && c.on != nil && !c.drop(context.WithoutCancel(ctx)) {
		c.undo(context.WithoutCancel(ctx))
	}
	if c.lease != nil {
		c.release()
	}
}

// release returns the connection to the pool. To close a connection to a silent server takes up to
// 15 s; Hijack frees its place in the pool immediately.
func (c *conn) release() {
	if c.lease.Conn().IsClosed() {
		c.lease.Hijack()
		return
	}
	c.lease.Release()
}

// undo uses the simple protocol: in a failed transaction the server prepares no statement.
func (c *conn) undo(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, undoTime)
	defer cancel()
	err := c.on.Conn().PgConn().Exec(ctx, c.frame.undo).Close()
	if err != nil && c.lease != nil {
		_ = c.lease.Conn().Close(ctx) // the connection is useless, and so is its error
	}
}
