package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// conn is a unit's way to the server. Writes that need no answer wait in a queue, and go out in one round trip with
// the next question, or with the commit; so does what begins the transaction.
type conn struct {
	store *Store
	lease *pgxpool.Conn // nil in a host's transaction
	on    sender
	frame frame
	begun bool // the server was told to begin
	ended bool // the time of the last round trip was over before its answer came: the server was asked to stop what it did
	queue []command
}

// sender is a connection, or a host's transaction on one.
type sender interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	Conn() *pgx.Conn
}

// frame is what stands around the statements of a unit; nothing does where each is a transaction of its own.
type frame struct {
	begin, commit statement
	undo          string
	keeps         bool // once the commit is done, and not before, what was written is kept
}

var (
	writing  = frame{"BEGIN ISOLATION LEVEL READ COMMITTED", "COMMIT", "ROLLBACK", true}
	snapshot = frame{"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "COMMIT", "ROLLBACK", false}
	joined   = frame{"SAVEPOINT cicerone", "RELEASE SAVEPOINT cicerone", "ROLLBACK TO SAVEPOINT cicerone; RELEASE SAVEPOINT cicerone", false}
)

// command is a statement on its way.
type command struct {
	statement
	args []any
}

// later queues a write. Where it breaks a rule, the next round trip fails.
func (c *conn) later(s statement, args ...any) { c.queue = append(c.queue, command{s, args}) }

// exec runs a statement, and says how many rows it changed.
func (c *conn) exec(ctx context.Context, s statement, args ...any) (changed int64, err error) {
	err = c.ask(ctx, command{s, args}, func(results pgx.BatchResults) error {
		tag, err := results.Exec()
		changed = tag.RowsAffected()
		return err
	})
	return changed, err
}

// flush sends what is queued, for those who have to know what becomes of it.
func (c *conn) flush(ctx context.Context) error {
	last := len(c.queue) - 1
	if last < 0 {
		return nil
	}
	write := c.queue[last]
	c.queue = c.queue[:last]
	return c.ask(ctx, write, func(results pgx.BatchResults) error {
		_, err := results.Exec()
		return err
	})
}

// errNone is find's answer where there is no row.
var errNone = errors.New("no row")

// find reads the one row that a statement answers, or returns errNone.
func find[T any](ctx context.Context, c *conn, scan func(r *row, v *T), s statement, args ...any) (found T, err error) {
	all, err := list(ctx, c, scan, s, args...)
	switch {
	case err != nil:
		return found, err
	case len(all) == 0:
		return found, errNone
	}
	return all[0], nil
}

// list reads all rows that a statement answers.
func list[T any](ctx context.Context, c *conn, scan func(r *row, v *T), s statement, args ...any) (all []T, err error) {
	err = c.ask(ctx, command{s, args}, func(results pgx.BatchResults) error {
		all = nil // of an answer that was cut short
		rows, err := results.Query()
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			r := &row{fields: rows.FieldDescriptions(), values: rows.RawValues(), types: rows.Conn().TypeMap()}
			var zero T
			all = append(all, zero)
			if scan(r, &all[len(all)-1]); r.err != nil {
				return r.err
			}
		}
		return rows.Err()
	})
	return all, err
}

// value is the scan of a single column.
func value[T any](take func(r *row) T) func(r *row, v *T) {
	return func(r *row, v *T) { *v = take(r) }
}

// ask makes a round trip: what begins the transaction, what is queued, and a question, whose answer read
// takes. Where the connection turns out to be dead before anything was answered on it that the unit relies on, it
// is exchanged for another. A server that says nothing would most likely say nothing there, either.
func (c *conn) ask(ctx context.Context, question command, read func(pgx.BatchResults) error) error {
	first := !c.begun && c.lease != nil
	commands := append(c.waiting(), question)
	err := c.roundTrip(ctx, commands, read)
	if err != nil && first && ctx.Err() == nil && isLost(err) && !errors.Is(err, errSilent) {
		if err = c.exchange(ctx); err == nil {
			err = c.roundTrip(ctx, commands, read)
		}
	}
	return translate(ctx, err)
}

// end commits, where fn and all repositories were content.
func (c *conn) end(ctx context.Context) error {
	if c.frame.commit == "" || !c.begun && len(c.queue) == 0 {
		return nil
	}
	commands := c.waiting()
	if c.lease == nil {
		commands = append(commands, command{giveBack, nil})
	}
	commands = append(commands, command{c.frame.commit, nil})
	err := c.roundTrip(ctx, commands, func(results pgx.BatchResults) error {
		tag, err := results.Exec()
		if err == nil && tag.String() == "ROLLBACK" {
			err = errRolledBack
		}
		return err
	})
	if err == nil && c.ended && c.frame.keeps {
		err = errNotAwaited
	}
	if err != nil && c.frame.keeps {
		return translateCommit(ctx, err)
	}
	if err != nil {
		return translate(ctx, err)
	}
	c.begun = false
	return nil
}

// waiting is what goes out before anything else.
func (c *conn) waiting() []command {
	commands := make([]command, 0, len(c.queue)+2)
	if c.frame.begin != "" && !c.begun {
		commands = append(commands, command{c.frame.begin, nil})
	}
	switch {
	case c.begun:
	case c.lease == nil:
		commands = append(commands, command{lend, c.store.options.values()})
	case c.store.hosts:
		commands = append(commands, command{set, c.store.options.values()})
	}
	return append(commands, c.queue...)
}

// What a host's session, or its transaction, has to keep to during a unit. Settings are local to the transaction,
// which without a BEGIN is one round trip; those of a host's transaction are put back, as they would stay after the
// savepoint is released.
var (
	set  = setting(func(i int, name string) string { return fmt.Sprintf("set_config('%s', $%d, true)", name, i+1) })
	lend = setting(func(i int, name string) string {
		return fmt.Sprintf("set_config('cicerone.%s', current_setting('%[1]s'), true), set_config('%[1]s', $%[2]d, true)", name, i+1)
	})
	giveBack = setting(func(_ int, name string) string {
		return fmt.Sprintf("set_config('%s', current_setting('cicerone.%[1]s'), true)", name)
	})
)

func setting(of func(i int, name string) string) statement {
	parts := make([]string, len(settings))
	for i, name := range settings {
		parts[i] = of(i, name)
	}
	return statement("SELECT " + strings.Join(parts, ", "))
}

// roundTrip sends commands in one go. The answers of all but the last are only looked at for errors.
func (c *conn) roundTrip(ctx context.Context, commands []command, read func(pgx.BatchResults) error) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.store.options.patience(), errSilent)
	defer cancel()
	batch := &pgx.Batch{}
	for _, cmd := range commands {
		batch.Queue(c.store.text(cmd.statement), cmd.args...)
	}
	c.begun = c.frame.begin != ""
	results := c.on.SendBatch(ctx, batch)
	defer func() {
		if closed := results.Close(); err == nil {
			err = closed
		}
		if errors.Is(err, pgx.ErrTxClosed) {
			c.begun = false // the host has ended its transaction, and its connection may be somebody else's
		}
		c.ended = ctx.Err() != nil
		if err != nil && errors.Is(context.Cause(ctx), errSilent) && !isAnswer(err) {
			err = fmt.Errorf("%w: %w", errSilent, err)
			c.store.pool.Reset() // the others would most likely say nothing, either
		}
	}()
	last := len(commands) - 1
	for range last {
		if _, err := results.Exec(); err != nil {
			return err
		}
	}
	c.queue = nil
	return read(results)
}

// exchange gives up a connection that is dead. The others that lie idle have most likely died with it.
func (c *conn) exchange(ctx context.Context) error {
	c.release()
	c.store.pool.Reset()
	lease, err := c.store.acquire(ctx)
	if err != nil {
		c.lease, c.on = nil, nil
		return err
	}
	c.lease, c.on, c.begun = lease, lease, false
	return nil
}

// leave undoes what was not committed, whatever has become of the caller, and gives the connection back. One that
// cannot be cleaned up is closed: its server process rolls back then.
func (c *conn) leave(ctx context.Context) {
	if c.begun && c.on != nil {
		c.undo(context.WithoutCancel(ctx))
	}
	if c.lease != nil {
		c.release()
	}
}

// release gives the connection back. One that has been closed takes leave of its server by itself, for up to 15 s where that
// says nothing: its place is another's meanwhile.
func (c *conn) release() {
	if c.lease.Conn().IsClosed() {
		c.lease.Hijack()
		return
	}
	c.lease.Release()
}

// undo goes the way of plain text: in a transaction that has failed the server prepares nothing.
func (c *conn) undo(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, undoTime)
	defer cancel()
	err := c.on.Conn().PgConn().Exec(ctx, c.frame.undo).Close()
	if err != nil && c.lease != nil {
		_ = c.lease.Conn().Close(ctx) // it is of no use any more, and nobody could do anything about an error
	}
}
