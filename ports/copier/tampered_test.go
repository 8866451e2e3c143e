package copier_test

import (
	"context"

	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// The types below interfere with copies.

// tampered is a store that runs its units through unit and reaches its rows through rows, if they
// are set.
type tampered struct {
	ports.Storage
	unit func(mode uow.Mode, run func() error) error
	rows func(mode uow.Mode, rows ports.Rows) ports.Rows
}

func (s tampered) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	run := func() error {
		return s.Storage.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error {
			if s.rows == nil {
				return fn(ctx, tx)
			}
			return fn(ctx, tamperedTx{tx, s.rows(mode, tx.Rows())})
		})
	}
	if s.unit == nil {
		return run()
	}
	return s.unit(mode, run)
}

type tamperedTx struct {
	ports.Tx
	rows ports.Rows
}

func (tx tamperedTx) Rows() ports.Rows { return tx.rows }

// changed passes the rows that are read or written through a function, if it is set.
type changed struct {
	ports.Rows
	read  func(table *ports.Table, rows []ports.Row) []ports.Row
	write func(table *ports.Table, rows []ports.Row) ([]ports.Row, error)
}

func (r changed) Read(ctx context.Context, table *ports.Table, after []any, limit int) ([]ports.Row, error) {
	rows, err := r.Rows.Read(ctx, table, after, limit)
	if r.read != nil && err == nil {
		rows = r.read(table, rows)
	}
	return rows, err
}

func (r changed) Write(ctx context.Context, table *ports.Table, rows []ports.Row) error {
	if r.write != nil {
		var err error
		if rows, err = r.write(table, rows); err != nil {
			return err
		}
	}
	return r.Rows.Write(ctx, table, rows)
}
