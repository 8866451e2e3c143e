package tokens

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
)

// Repository keeps wallets and the ledger.
type Repository interface {
	// Open adds an empty wallet for a user who has none.
	Open(ctx context.Context, w Wallet) error

	// Wallet reads a user's wallet, or fault.NotFound.
	Wallet(ctx context.Context, user id.User) (Wallet, error)

	// Post writes entries to the ledger and moves the balances with them, all or none, in the order
	// given for each wallet. Seq and the balances before and after are given out while the wallet is
	// held, wallets by user id ascending, until the unit ends: units that post to one wallet wait for
	// each other, or one fails with uow.ErrConflict. Where a balance would fall below zero (of an entry
	// with UpToBalance: where it is zero) it returns ErrTooFewTokens; where it would pass
	// MaxBalance, ErrTooManyTokens; a user without a wallet is fault.NotFound. The receipts are in
	// the order of the entries.
	Post(ctx context.Context, entries ...Entry) ([]Receipt, error)

	// Close marks the wallet of a person who is erased, and holds it until the unit ends. It returns
	// the wallet as it is then; closing it again changes nothing.
	Close(ctx context.Context, user id.User) (Wallet, error)

	// Transactions lists a user's ledger by seq, the last first: those below the given seq, or from the
	// last where it is nil; at most limit.
	Transactions(ctx context.Context, user id.User, below *int64, limit int) ([]Transaction, error)
}

// Tx is what this domain touches in a unit of work.
type Tx interface {
	Tokens() Repository
}
