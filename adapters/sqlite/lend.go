package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
)

// ErrNoUnit is returned by TxFrom if the context is not one of a unit of work that writes.
var ErrNoUnit = errors.New("the context belongs to no unit of work that writes")

// Tx is the transaction of a unit of work, for statements of a host program on tables of its own in
// the same file. An error of a statement ends the unit. After the unit, its methods return
// uow.ErrEnded.
type Tx struct{ unit *unit }

// TxFrom returns the transaction of the unit of work of ctx, for instance in a
// wiring.Config.JoinedSubscribers, so that a host's rows are committed if and only if the unit is.
// One unit writes at a time, so the host should be quick, and it must not begin or end a
// transaction: that of the unit is shared with others. Errors: ErrNoUnit.
func TxFrom(ctx context.Context) (*Tx, error) {
	u, ok := ctx.Value(unitKey{}).(*unit)
	if !ok {
		return nil, fmt.Errorf("sqlite: %w", ErrNoUnit)
	}
	return &Tx{u}, nil
}

type unitKey struct{}

// Exec runs a statement, and returns the number of rows that it changed. The arguments are of the
// types that database/sql accepts.
func (t *Tx) Exec(ctx context.Context, statement string, args ...any) (changed int64, err error) {
	err = t.run(ctx, statement, args, func(c *conn, args []any) (err error) {
		changed, err = c.exec(ctx, statement, args...)
		return err
	})
	return changed, err
}

// Query calls each for each row of the result of a statement, until it returns an error. The values
// are valid until it returns.
func (t *Tx) Query(ctx context.Context, each func(values []driver.Value) error, statement string, args ...any) error {
	return t.run(ctx, statement, args, func(c *conn, args []any) error {
		return c.query(ctx, func(r *row) { r.err = each(r.values) }, statement, args...)
	})
}

// run writes the events that were added, and calls f with the connection of the unit. The statement is not kept for other units: a host may
// have any number of them.
func (t *Tx) run(ctx context.Context, statement string, args []any, f func(c *conn, args []any) error) error {
	return t.unit.write(ctx, func(c *conn) error {
		values := make([]any, len(args))
		for i, a := range args {
			value, err := driver.DefaultParameterConverter.ConvertValue(a)
			if err != nil {
				return fmt.Errorf("argument %d: %w", i+1, err)
			}
			values[i] = value
		}
		if err := t.unit.flush(ctx); err != nil {
			return err
		}
		err := f(c, values)
		return errors.Join(err, c.forget(statement))
	})
}

// forget closes a statement.
func (c *conn) forget(text string) error {
	s, found := c.statements[text]
	if !found {
		return nil
	}
	delete(c.statements, text)
	return s.Close()
}
