package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/uow"
)

// The errors of TxFrom and of the transaction that it returns.
var (
	// ErrNoUnit is returned if the context is not one of a unit of work that writes.
	ErrNoUnit = errors.New("the context belongs to no unit of work that writes")

	// ErrLent is returned by the methods Commit and Rollback of the transaction: the unit does both.
	ErrLent = errors.New("the unit of work ends its transaction itself")
)

var errAborted = errors.New("a statement of the host program failed in the transaction, which can only be rolled back")

// TxFrom returns the transaction of the unit of work of ctx, for instance in a
// wiring.Config.JoinedSubscribers, so that a host's rows are committed if and only if the unit is:
//
//	tx, err := postgres.TxFrom(ctx)
//	…
//	_, err = tx.Exec(ctx, "INSERT INTO bookings …")
//
// It sends the writes that the unit has queued, so that the host's statements see them. The host
// calls it again to see later ones. Its tables must have qualified names if they are not in the
// search_path of the connection. The unit ends the transaction: its methods Commit and Rollback
// return ErrLent, and all others pgx.ErrTxClosed after the unit. Begin makes a savepoint, without
// which a statement that fails makes the unit fail. The first call in a unit takes up to two round
// trips, and one more at the end of the unit. Errors: ErrNoUnit, the error that ended the unit, and
// those of its queued writes.
func TxFrom(ctx context.Context) (pgx.Tx, error) {
	u, ok := ctx.Value(unitKey{}).(*unit)
	if !ok {
		return nil, fmt.Errorf("postgres: %w", ErrNoUnit)
	}
	err := u.write(ctx, func(c *conn) error { return c.lend(ctx) })
	if err != nil {
		return nil, err
	}
	return lent{u.conn.lent}, nil
}

type unitKey struct{}

// lent is the transaction of a unit in the hands of a host.
type lent struct{ pgx.Tx }

func (lent) Commit(context.Context) error   { return ErrLent }
func (lent) Rollback(context.Context) error { return ErrLent }

// lend sends the queued writes, and makes a savepoint that ends with the unit: pgx then refuses later
// statements of a host.
func (c *conn) lend(ctx context.Context) (err error) {
	if !c.begun || len(c.queue)+len(c.added) > 0 {
		if _, err := c.exec(ctx, "SELECT 1"); err != nil {
			return err
		}
	}
	if c.lent != nil {
		return nil
	}
	if host, ok := c.on.(pgx.Tx); ok {
		c.lent, err = host.Begin(ctx)
	} else {
		c.lent, err = c.on.Conn().BeginTx(ctx, pgx.TxOptions{BeginQuery: "SAVEPOINT lent", CommitQuery: "RELEASE SAVEPOINT lent"})
	}
	return translate(ctx, err)
}

// takeBack releases the savepoint of lend, before the unit commits.
func (c *conn) takeBack(ctx context.Context) error {
	if c.lent == nil {
		return nil
	}
	if c.on.Conn().PgConn().TxStatus() == 'E' {
		return errAborted
	}
	return translate(ctx, c.lent.Commit(ctx))
}

// drop ends the transaction of lend, and rolls back. It reports whether that was the whole transaction.
func (c *conn) drop(ctx context.Context) bool {
	if c.lent == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, undoTime)
	defer cancel()
	return c.lent.Rollback(ctx) == nil && c.lease != nil
}

// ofHost returns the error of a unit's function. An error of a host's statement that the function has
// passed on becomes uow.ErrConflict if the server has told the host to run the statement again, and
// uow.ErrUnreachable if the transaction failed because the server or the connection did.
func (c *conn) ofHost(err error) error {
	if errors.Is(err, fault.Unavailable) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	lent := c.lent != nil
	if lent && c.on.Conn().IsClosed() {
		return uow.ErrUnreachable.Wrap(err)
	}
	failed, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	found := verdictOn(failed)(err)
	ours := lent && c.on.Conn().PgConn().TxStatus() == 'E'
	if errors.Is(found, uow.ErrConflict) || ours && errors.Is(found, uow.ErrUnreachable) {
		return found
	}
	return err
}
