package sqlite

import (
	"context"
	"errors"
	"fmt"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/tokens"
)

// This file has the units that are done in one step, for messaging.Sender, reservations.Mover and
// reservations.Proposer.

// checks has two forms of a statement that makes all checks of a unit in one step, and returns a
// row if they pass. withKey also checks that a key is unused. Each of them is there with and without
// the check of a session.
type checks struct{ now, withKey presentable }

// checksOf returns the forms of a statement with so many arguments. of returns it with further
// conditions, which begin with AND. The key and its owner are arguments after the others.
func checksOf(args int, of func(further string) string) checks {
	notUsed := fmt.Sprintf(`
			AND NOT EXISTS (SELECT 1 FROM idempotency_records WHERE owner = ?%d AND key = ?%d)`, args+1, args+2)
	return checks{withCheck(args, of), withCheck(args+2, func(present string) string { return of(notUsed + present) })}
}

// step is a unit in one step.
type step[T any] struct {
	by     id.User // the caller: the session of nobody else is checked in one step
	record *idempotency.Record
	checks checks
	args   []any // of checks
	scan   func(r *row, v *T)

	// writes returns what has to be written for the row of checks, the record excepted.
	writes func(found T) ([]command, error)
}

// command is a statement with its arguments.
type command struct {
	statement string
	args      []any
}

// atOnce does a unit in one step. One statement makes all checks, and the others write. They have
// no savepoint: if one of them fails, which no check can foresee, the units that share the
// transaction are lost, too, and run again. A check of the session of somebody else is made by the
// steps.
func atOnce[T any](ctx context.Context, u *unit, s step[T]) (outcome idempotency.Outcome, err error) {
	err = u.Call(ctx, true, func() error {
		if p := u.presence; u.touched || u.conn.undoing == never || p != nil && (p.User != s.by || !p.Open.Live) {
			return nil
		}
		found, err := s.find(ctx, u)
		if errors.Is(err, errNone) {
			outcome = idempotency.NotDone
			return nil
		}
		if err != nil {
			return err
		}
		commands, err := s.writes(found)
		if err != nil {
			return err
		}
		if s.record != nil {
			commands = append(commands, command{records.insert, records.args(*s.record)})
		}
		if err := u.conn.finish(ctx, commands); err != nil {
			return err
		}
		outcome, u.presence = idempotency.Done, nil
		return nil
	})
	return outcome, err
}

// find makes the checks. It returns errNone if one of them fails.
func (s step[T]) find(ctx context.Context, u *unit) (T, error) {
	statement, args := s.checks.now, s.args
	if s.record != nil {
		statement, args = s.checks.withKey, append(args, s.record.Owner, string(s.record.Key))
	}
	if u.presence == nil {
		return find(ctx, u.conn, s.scan, statement.plain, args...)
	}
	return find(ctx, u.conn, s.scan, statement.checked, append(args, presenceArgs(u.presence)...)...)
}

// finish runs the last commands of a unit: all of them, or none counts.
func (c *conn) finish(ctx context.Context, commands []command) error {
	ctx = context.WithoutCancel(ctx)
	if c.undoing != byRollback {
		c.undoing = withOthers
	}
	for _, one := range commands {
		if _, err := c.exec(ctx, one.statement, one.args...); err != nil {
			return err
		}
	}
	c.undoing = never
	return nil
}

// payment returns the commands that write a transaction. They follow a check of its wallet.
func payment(line tokens.Transaction) []command {
	return []command{
		{transactions.insert, transactions.args(line)},
		{"UPDATE wallets SET balance = ?2, seq = ?3 WHERE user_id = ?1", []any{blob(line.UserID), line.BalanceAfter, line.Seq}},
	}
}
