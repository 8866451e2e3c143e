package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/users"
)

// conn is the connection of a unit. Writes without a result wait in a queue. They go out in one
// round trip with the next query or with the commit, and so does the statement that begins the
// transaction.
type conn struct {
	store *Store
	lease *pgxpool.Conn // nil in a host's transaction
	on    sender
	frame frame
	begun bool             // the begin statement was sent
	wait  wait             // for the server; the waits of the unit share it
	ended bool             // the last round trip's time ended before its response came, so the server was asked to cancel it
	whole bool             // the unit was committed in one round trip: see atOnce
	first []func() command // checks, sent before the queue; an error of one ends the unit

	presence *users.Presence // whose check is the only one of first; nil if there is none, or there are others
	queue    []command
	added    []events.Event // are inserted after the queue, together
	lent     pgx.Tx         // of a host in this unit; nil if there is none
}

// sender is a connection, or a host's transaction on one.
type sender interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	Conn() *pgx.Conn
}

// frame holds the statements around those of a unit. It is empty if each statement is a transaction
// of its own.
type frame struct {
	begin, commit statement
	undo          string
	keeps         bool // the commit makes the writes durable
}

var (
	writing  = frame{"BEGIN ISOLATION LEVEL READ COMMITTED", "COMMIT", "ROLLBACK", true}
	snapshot = frame{"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "COMMIT", "ROLLBACK", false}
	joined   = frame{"SAVEPOINT cicerone", "RELEASE SAVEPOINT cicerone", "ROLLBACK TO SAVEPOINT cicerone; RELEASE SAVEPOINT cicerone", false}
)

// command is a statement with its arguments.
type command struct {
	statement
	args []any
	read func(answers) error // consumes the result; nil if only its error matters
}

// later queues a write. If it breaks a rule, the next round trip fails.
func (c *conn) later(s statement, args ...any) {
	c.queue = append(c.queue, command{statement: s, args: args})
}

// sooner queues a check. It goes out before the writes of the unit; if it fails, so does the round
// trip, and nothing is committed. of makes the command only when it is sent: usually another
// statement makes the check of c.presence itself.
func (c *conn) sooner(of func() command) {
	c.presence = nil
	c.first = append(c.first, of)
}

// check returns a read of at most one row, which found gets, or nil if there is none. If found
// returns an error, the round trip fails.
func check[T any](scan func(r *row, v *T), found func(*T) error, s statement, args ...any) command {
	return command{s, args, func(results answers) error {
		all, err := scanAll(results, scan)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return found(nil)
		}
		return found(&all[0])
	}}
}

// exec runs a statement, and returns the number of rows that it changed.
func (c *conn) exec(ctx context.Context, s statement, args ...any) (changed int64, err error) {
	err = c.ask(ctx, command{s, args, func(results answers) error {
		tag, err := results.Exec()
		changed = tag.RowsAffected()
		return err
	}})
	return changed, err
}

// flush sends the queued writes, for callers that need their errors.
func (c *conn) flush(ctx context.Context) error {
	last := len(c.queue) - 1
	if last < 0 {
		return nil
	}
	write := c.queue[last]
	c.queue = c.queue[:last]
	return c.ask(ctx, write)
}

// errNone is returned by find if there is no row.
var errNone = errors.New("no row")

// find returns the single row of a statement's result, or errNone.
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

// list returns all rows of a statement's result.
func list[T any](ctx context.Context, c *conn, scan func(r *row, v *T), s statement, args ...any) (all []T, err error) {
	err = c.ask(ctx, command{s, args, func(results answers) (err error) {
		all, err = scanAll(results, scan) // without the rows of an interrupted attempt
		return err
	}})
	return all, err
}

// usualRows is about how many rows a page has.
const usualRows = 32

// scanAll returns all rows of the next result.
func scanAll[T any](results answers, scan func(r *row, v *T)) (all []T, err error) {
	rows, err := results.Query()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	r := &row{fields: rows.FieldDescriptions(), types: rows.Conn().TypeMap()}
	for rows.Next() {
		if len(all) == 1 { // most results have one row, or those of a page
			all = slices.Grow(all, usualRows-1)
		}
		r.values, r.column = rows.RawValues(), 0
		var zero T
		all = append(all, zero)
		if scan(r, &all[len(all)-1]); r.err != nil {
			return nil, r.err
		}
	}
	return all, rows.Err()
}

// value returns the scan function of a single column.
func value[T any](take func(r *row) T) func(r *row, v *T) {
	return func(r *row, v *T) { *v = take(r) }
}

// ask sends BEGIN if it is needed, the queued statements, and question in one round trip. If the
// connection is dead and the unit relies on no result yet, ask replaces it and tries again. It does
// not replace the connection to a silent server, because a new one would most likely be silent,
// too.
func (c *conn) ask(ctx context.Context, question command) error {
	if c.whole {
		return errWhole
	}
	first := !c.begun && c.lease != nil
	commands := append(c.waiting(), question)
	err := c.roundTrip(ctx, commands)
	if err != nil && first && ctx.Err() == nil && isLost(err) && !errors.Is(err, errSilent) {
		if err = c.exchange(ctx); err == nil {
			err = c.roundTrip(ctx, commands)
		}
	}
	return translate(ctx, err)
}

// settle makes the checks that are queued, if there are any.
func (c *conn) settle(ctx context.Context) error {
	last := len(c.first) - 1
	if last < 0 {
		return nil
	}
	question := c.first[last]()
	c.first = c.first[:last]
	return c.ask(ctx, question)
}

// untouched reports whether the unit can still be committed in one round trip: it is no part of a
// host's transaction, and has made no call but the check of c.presence.
func (c *conn) untouched() bool {
	return c.frame == writing && !c.begun && !c.whole && len(c.queue)+len(c.added) == 0 && (len(c.first) == 0 || c.presence != nil)
}

// atOnce runs statements that are a whole unit, which must be untouched: those that lock, and s.
// Nothing is before them, nothing follows them, and they commit without BEGIN and COMMIT, in one
// round trip. If c.presence is not nil, s makes that check itself. atOnce returns the row of s, or
// errNone if that changed nothing; the unit then continues. Its other errors are those of a commit.
func atOnce[T any](
	ctx context.Context, c *conn, scan func(r *row, v *T), locks []command, s statement, args ...any,
) (found T, err error) {
	checks := c.first
	c.frame, c.first = frame{keeps: true}, nil // no BEGIN
	defer func() { c.frame = writing }()
	changed := false
	commands := append(append(c.waiting(), locks...), command{s, args, func(results answers) error {
		all, err := scanAll(results, scan)
		if len(all) > 0 {
			found, changed = all[0], true
		}
		return err
	}})
	err = c.roundTrip(ctx, commands)
	if err != nil && ctx.Err() == nil && isNotCommitted(err) && isLost(err) && !errors.Is(err, errSilent) {
		if err = c.exchange(ctx); err != nil {
			return found, translate(ctx, err)
		}
		err = c.roundTrip(ctx, commands)
	}
	switch {
	case err != nil:
		c.first = checks
		return found, translateCommit(ctx, err)
	case !changed:
		c.first = checks
		return found, errNone
	case c.ended:
		return found, translateCommit(ctx, errNotAwaited)
	}
	c.whole = true
	return found, nil
}

// isUndone reports whether err means that a unit in one step has changed nothing, so that its steps
// decide. sending divides by zero if it finds that the message must not be sent when it has already
// changed the conversation.
func isUndone(err error) bool {
	failed, _ := errors.AsType[*pgconn.PgError](err)
	return errors.Is(err, errNone) || failed != nil && (isLostRace(failed) || failed.Code == pgerrcode.DivisionByZero)
}

// end commits the unit. Checks that are queued are made before, because they may forbid it.
func (c *conn) end(ctx context.Context) error {
	if err := c.settle(ctx); err != nil {
		return err
	}
	if c.whole && len(c.queue)+len(c.added) > 0 {
		return errWhole
	}
	if c.frame.commit == "" || !c.begun && len(c.queue)+len(c.added) == 0 {
		return nil
	}
	if err := c.takeBack(ctx); err != nil {
		return err
	}
	commands := c.waiting()
	if c.lease == nil {
		commands = append(commands, command{statement: giveBack})
	}
	commands = append(commands, command{c.frame.commit, nil, func(results answers) error {
		tag, err := results.Exec()
		if err == nil && tag.String() == "ROLLBACK" {
			err = errRolledBack
		}
		return err
	}})
	err := c.roundTrip(ctx, commands)
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

// waiting returns the commands that precede the next question.
func (c *conn) waiting() []command {
	commands := make([]command, 0, len(c.first)+len(c.queue)+3)
	if c.frame.begin != "" && !c.begun {
		commands = append(commands, command{statement: c.frame.begin})
	}
	switch {
	case c.begun:
	case c.lease == nil:
		commands = append(commands, command{statement: lend, args: c.store.options.values()})
	case c.store.hosts:
		commands = append(commands, command{statement: set, args: c.store.options.values()})
	}
	for _, of := range c.first {
		commands = append(commands, of())
	}
	c.first = nil
	commands = append(commands, c.queue...)
	for some := range slices.Chunk(c.added, maxInBatch) {
		commands = append(commands, command{statement: insertBatch, args: []any{events.Batch(some)}})
	}
	return commands
}

// The settings of a host's session or transaction during a unit. They are local to the transaction,
// which is a single round trip if there is no BEGIN. In a host's transaction the former values are
// restored at the end: the settings would otherwise survive the release of the savepoint.
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
