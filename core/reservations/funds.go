package reservations

import (
	"context"
	"fmt"

	"github.com/cicerone-go/cicerone/core/id"
)

// Funds is the balance of a wallet and the tokens that are held of it, in whole tokens.
type Funds struct {
	Balance int64
	Held    int64 // sum of the tokens of the accepted reservations in which the user is the voyager
}

// Funds returns the funds of a user. It does not check that the account is active.
// Errors: fault.NotFound for a user without a wallet.
func (s *Service) Funds(ctx context.Context, user id.User) (Funds, error) {
	var f Funds
	var whole bool
	err := s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
		var reader FundsReader
		if reader, whole = tx.Reservations().(FundsReader); whole {
			f, err = reader.Funds(ctx, user)
		}
		return err
	})
	if err != nil || whole {
		return f, err
	}
	err = s.deps.Store.Snapshot(ctx, func(ctx context.Context, tx Tx) (err error) {
		f, err = FundsOf(ctx, tx, user)
		return err
	})
	return f, err
}

// FundsReader is an optional interface of a Repository whose store can read the funds of a user as
// they are at one moment, in a unit that is no snapshot. FundsOf is its specification.
type FundsReader interface {
	// Funds returns the funds of a user. It returns fault.NotFound if there is no wallet.
	Funds(ctx context.Context, user id.User) (Funds, error)
}

// FundsOf is Service.Funds inside a unit of work. The two numbers are consistent if the unit reads
// a snapshot.
func FundsOf(ctx context.Context, tx Tx, user id.User) (Funds, error) {
	w, err := tx.Tokens().Wallet(ctx, user)
	if err != nil {
		return Funds{}, fmt.Errorf("read a wallet: %w", err)
	}
	held, err := tx.Reservations().Held(ctx, user)
	if err != nil {
		return Funds{}, fmt.Errorf("read the tokens that are held: %w", err)
	}
	return Funds{Balance: w.Balance, Held: held}, nil
}
