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

// conn is one connection with its prepared statements. It is for one goroutine at a time.
type conn struct {
	raw        driver.Conn
	statements map[string]statement

	// interruptible is whether a context that ends stops a statement half-way. A connection that writes is
	// not: SQLite would roll back the whole transaction, and with it the units of others.
	interruptible bool

	// broken is a connection that is not to be used again.
	broken bool
}

// statement is what the driver's statements are.
type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// access says what a connection is for.
type access struct {
	readOnly bool
	pragmas  []pragma // set when it is opened, and read back
}

// pragma is one setting of a connection.
type pragma struct{ name, value, readsAs string }

// busyTimeout is how long a statement waits for another process that has the file locked: a shell, or a
// copy being made. Units of one store never meet there.
const busyTimeout = "1000"

var (
	patiently = pragma{"busy_timeout", busyTimeout, busyTimeout}

	toLook  = access{pragmas: []pragma{patiently}}
	toCopy  = access{readOnly: true, pragmas: []pragma{patiently}}
	toWrite = access{pragmas: []pragma{
		patiently,
		{"journal_mode", "WAL", "wal"},
		{"synchronous", "FULL", "2"},
		{"foreign_keys", "ON", "1"},
		{"trusted_schema", "OFF", "0"},
		{"temp_store", "MEMORY", "2"}, // a full disk must not keep anyone from sorting
	}}
	toRead = access{readOnly: true, pragmas: []pragma{
		patiently,
		{"query_only", "ON", "1"},
		{"trusted_schema", "OFF", "0"},
		{"temp_store", "MEMORY", "2"},
	}}
)

// dsn names a file for the driver, whatever characters its path has.
func dsn(path string, readOnly bool) string {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // C:/… of Windows
	}
	q := url.Values{"_dqs": {"0"}, "_defensive": {"1"}, "_error_rc": {"1"}}
	if readOnly {
		q.Set("mode", "ro")
	}
	return (&url.URL{Scheme: "file", Path: slashed, OmitHost: true, RawQuery: q.Encode()}).String()
}

// connect opens a connection, and makes sure that each of its settings has taken effect.
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

// setAll changes settings, and makes sure that they have changed.
func (c *conn) setAll(ctx context.Context, pragmas []pragma) error {
	for _, p := range pragmas {
		if err := c.set(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) set(ctx context.Context, p pragma) error {
	// Some settings answer their value and some nothing, so each is asked for in a statement of its own.
	if _, err := find(ctx, c, func(*row, *any) {}, "PRAGMA "+p.name+" = "+p.value); err != nil && !errors.Is(err, errNone) {
		return fmt.Errorf("set %s: %w", p.name, err)
	}
	got, err := find(ctx, c, func(r *row, s *string) { *s = fmt.Sprint(r.next()) }, "PRAGMA "+p.name)
	if err != nil {
		return fmt.Errorf("read %s: %w", p.name, err)
	}
	if got != p.readsAs {
		return fmt.Errorf("%s is %s, and cannot be made %s", p.name, got, p.readsAs)
	}
	return nil
}

// close lets go of the connection. What its transaction wrote and did not commit is gone.
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

// prepare gives a statement, which is prepared once for each connection.
func (c *conn) prepare(text string) (statement, error) {
	if s, found := c.statements[text]; found {
		return s, nil
	}
	prepared, err := c.raw.Prepare(text)
	if err != nil {
		return nil, translate(err)
	}
	s, ok := prepared.(statement)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the driver's %T takes no context", prepared), prepared.Close())
	}
	c.statements[text] = s
	return s, nil
}

// ready is what a statement needs before it can run.
func (c *conn) ready(ctx context.Context, text string, args []any) (statement, context.Context, []driver.NamedValue, error) {
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

// exec runs a statement, and says how many rows it changed. After an error there must be no other in the same unit:
// SQLite may have rolled back the transaction, and would keep what comes then at once. Its arguments are what the driver takes: int64, string,
// []byte, bool and nil (see values.go).
func (c *conn) exec(ctx context.Context, text string, args ...any) (changed int64, err error) {
	s, ctx, values, err := c.ready(ctx, text, args)
	if err != nil {
		return 0, err
	}
	result, err := s.ExecContext(ctx, values)
	if err != nil {
		return 0, translate(err)
	}
	return result.RowsAffected()
}

// query calls scan for each row that a statement answers.
func (c *conn) query(ctx context.Context, scan func(r *row), text string, args ...any) (err error) {
	s, ctx, values, err := c.ready(ctx, text, args)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(ctx, values)
	if err != nil {
		return translate(err)
	}
	defer func() {
		if closed := rows.Close(); err == nil && closed != nil {
			err = translate(closed)
		}
	}()
	r := &row{values: make([]driver.Value, len(rows.Columns()))}
	for {
		switch err := rows.Next(r.values); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return translate(err)
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

// errNone is find's answer where there is no row.
var errNone = errors.New("no row")

// find reads the one row that a statement answers, or returns errNone.
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

// list reads all rows that a statement answers.
func list[T any](ctx context.Context, c *conn, scan func(r *row, v *T), text string, args ...any) (all []T, err error) {
	err = c.query(ctx, func(r *row) {
		var zero T
		all = append(all, zero)
		scan(r, &all[len(all)-1])
	}, text, args...)
	return all, err
}

// value is the scan of a single column.
func value[T any](take func(r *row) T) func(r *row, v *T) {
	return func(r *row, v *T) { *v = take(r) }
}

// isReadOnly reports whether the file cannot be written, although it was opened to be.
func (c *conn) isReadOnly() (bool, error) {
	r, ok := c.raw.(interface {
		IsReadOnly(schema string) (bool, error)
	})
	if !ok {
		return false, fmt.Errorf("the driver's %T does not say whether it can write", c.raw)
	}
	return r.IsReadOnly("main")
}
