package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
)

// conn is a connection with its prepared statements. Only one goroutine at a time may use it.
type conn struct {
	raw        driver.Conn
	statements map[string]statement

	// interruptible is true if the end of a context interrupts a statement. It is false for the
	// connection that writes: SQLite would roll back the whole transaction, and with it the units
	// of others.
	interruptible bool

	// broken is true if the connection must not be used again.
	broken bool

	// Of the connection that writes, for the unit that has it.
	undoing undoing
	failed  bool // SQLite failed in a statement, and may have rolled back the transaction
}

// statement is the interface of the driver's statements.
type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// access is how a connection is opened.
type access struct {
	readOnly bool
	pragmas  []pragma // set when the connection is opened, and then read to verify them
}

// pragma is a setting of a connection.
type pragma struct{ name, value, readsAs string }

// busyTimeout limits the wait for another process that has locked the file: a shell, or a program
// that copies it. Units of one store do not lock each other out.
const busyTimeout = "1000"

// checkpointAt is the number of pages in the WAL, of 4 KiB each, at which a commit moves them into
// the file, while all units that write wait for it. A page that was changed often is moved once, so
// that four times SQLite's default makes these commits rare, and the bytes that are written fewer.
const checkpointAt = "4000"

var (
	patiently = pragma{"busy_timeout", busyTimeout, busyTimeout}

	toLook  = access{pragmas: []pragma{patiently}}
	toCopy  = access{readOnly: true, pragmas: []pragma{patiently}}
	toWrite = access{pragmas: []pragma{
		patiently,
		{"journal_mode", "WAL", "wal"},
		{"synchronous", "FULL", "2"},
		{"wal_autocheckpoint", checkpointAt, checkpointAt},
		{"foreign_keys", "ON", "1"},
		{"trusted_schema", "OFF", "0"},
		{"temp_store", "MEMORY", "2"}, // a full disk must not prevent sorting
	}}
	toRead = access{readOnly: true, pragmas: []pragma{
		patiently,
		{"query_only", "ON", "1"},
		{"trusted_schema", "OFF", "0"},
		{"temp_store", "MEMORY", "2"},
	}}
)

// dsn returns the driver's DSN of a file. The path may contain any characters.
func dsn(path string, readOnly bool) string {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // C:/… of Windows
	}
	q := url.Values{"_dqs": {"0"}, "_defensive": {"1"}, "_error_rc": {"1"}}
	if readOnly {
		q.Set("mode", "ro")
	} else {
		q.Set("_pragma", "secure_delete(ON)") // erased data must not stay in pages that are free
	}
	return (&url.URL{Scheme: "file", Path: slashed, OmitHost: true, RawQuery: q.Encode()}).String()
}

// connect opens a connection, and verifies each of its settings.
func connect(ctx context.Context, path string, a access) (*conn, error) {
	connector, err := sqlite.NewConnector(dsn(path, a.readOnly))
	if err != nil {
		return nil, fmt.Errorf("name a connection: %w", err)
	}
	raw, err := connector.Connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("open a connection: %w", translate(err))
	}
	c := &conn{raw: raw, statements: map[string]statement{}, interruptible: a.readOnly}
	if err := c.setAll(ctx, a.pragmas); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// setAll changes settings, and verifies them.
func (c *conn) setAll(ctx context.Context, pragmas []pragma) error {
	for _, p := range pragmas {
		if err := c.set(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) set(ctx context.Context, p pragma) error {
	// Some settings return their value and some return nothing, so a second statement reads it.
	if _, err := find(ctx, c, func(*row, *any) {}, "PRAGMA "+p.name+" = "+p.value); err != nil && !errors.Is(err, errNone) {
		return fmt.Errorf("set %s: %w", p.name, err)
	}
	got, err := find(ctx, c, func(r *row, s *string) { *s = fmt.Sprint(r.next()) }, "PRAGMA "+p.name)
	if err != nil {
		return fmt.Errorf("read %s: %w", p.name, err)
	}
	if got != p.readsAs {
		return fmt.Errorf("%s is %s, and cannot be set to %s", p.name, got, p.readsAs)
	}
	return nil
}

// close closes the connection, and rolls back its transaction.
func (c *conn) close() error {
	var failed []error
	for _, s := range c.statements {
		failed = append(failed, s.Close())
	}
	failed = append(failed, c.raw.Close())
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("close a connection: %w", translate(err))
	}
	return nil
}

// prepare returns a statement. It is prepared once for each connection. Statements have LIMIT +?
// instead of LIMIT ?: the + hides the limit from SQLite's planner, which would parse the statement
// again whenever a limit is bound, to plan it for that one.
func (c *conn) prepare(text string) (statement, error) {
	if s, found := c.statements[text]; found {
		return s, nil
	}
	prepared, err := c.raw.Prepare(text)
	if err != nil {
		return nil, c.fail(err)
	}
	s, ok := prepared.(statement)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the driver's %T takes no context", prepared), prepared.Close())
	}
	c.statements[text] = s
	return s, nil
}

// fail translates an error of a statement, and remembers that there was one.
func (c *conn) fail(err error) error {
	c.failed = true
	return translate(err)
}

// ready prepares a statement, and converts its arguments.
func (c *conn) ready(
	ctx context.Context, text string, args []any,
) (statement, context.Context, []driver.NamedValue, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, nil, err
	}
	if !c.interruptible {
		ctx = context.WithoutCancel(ctx)
	}
	s, err := c.prepare(text)
	if err != nil {
		return nil, nil, nil, err
	}
	values := make([]driver.NamedValue, len(args))
	for i, a := range args {
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return s, ctx, values, nil
}

// exec runs a statement, and returns the number of rows that it changed. After an error the unit
// must not run another statement: SQLite may have rolled back the transaction, and would commit the
// next write immediately. The arguments have types that the driver accepts: int64, string, []byte,
// bool and nil (see values.go).
func (c *conn) exec(ctx context.Context, text string, args ...any) (changed int64, err error) {
	s, ctx, values, err := c.ready(ctx, text, args)
	if err != nil {
		return 0, err
	}
	result, err := s.ExecContext(ctx, values)
	if err != nil {
		return 0, c.fail(err)
	}
	return result.RowsAffected()
}

// query calls scan for each row of a statement's result.
func (c *conn) query(ctx context.Context, scan func(r *row), text string, args ...any) (err error) {
	s, ctx, values, err := c.ready(ctx, text, args)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(ctx, values)
	if err != nil {
		return c.fail(err)
	}
	defer func() {
		if closed := rows.Close(); err == nil && closed != nil {
			err = c.fail(closed)
		}
	}()
	r := &row{values: make([]driver.Value, len(rows.Columns()))}
	for {
		switch err := rows.Next(r.values); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return c.fail(err)
		}
		r.column = 0
		if scan(r); r.err != nil {
			return r.err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// errNone is returned by find if there is no row.
var errNone = errors.New("no row")

// find returns the single row of a statement's result, or errNone.
func find[T any](ctx context.Context, c *conn, scan func(r *row, v *T), text string, args ...any) (found T, err error) {
	none := true
	err = c.query(ctx, func(r *row) {
		scan(r, &found)
		none = false
	}, text, args...)
	if err == nil && none {
		err = errNone
	}
	return found, err
}

// list returns all rows of a statement's result.
func list[T any](ctx context.Context, c *conn, scan func(r *row, v *T), text string, args ...any) (all []T, err error) {
	err = c.query(ctx, func(r *row) {
		var zero T
		all = append(all, zero)
		scan(r, &all[len(all)-1])
	}, text, args...)
	return all, err
}

// value returns the scan function of a single column.
func value[T any](take func(r *row) T) func(r *row, v *T) {
	return func(r *row, v *T) { *v = take(r) }
}

// isReadOnly reports whether SQLite opened the file read-only, although the connection is for
// writing.
func (c *conn) isReadOnly() (bool, error) {
	r, ok := c.raw.(interface {
		IsReadOnly(schema string) (bool, error)
	})
	if !ok {
		return false, fmt.Errorf("the driver's %T cannot report whether it is read-only", c.raw)
	}
	return r.IsReadOnly("main")
}
