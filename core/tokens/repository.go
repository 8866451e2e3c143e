package tokens

import (
	"context"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
)

// Repository keeps wallets and the ledger.
type Repository interface {
	// Open adds an empty wallet. It returns an error if the user already has one.
	Open(ctx context.Context, w Wallet) error

	// Wallet returns a user's wallet, or fault.NotFound.
	Wallet(ctx context.Context, user id.User) (Wallet, error)

	// Post appends entries to the ledger and changes the balances with them, all or none. Entries
	// of one wallet are appended in the given order. Post first holds the wallets, in ascending
	// order of user id, until the unit ends, and then assigns each entry its Seq, BalanceBefore and
	// BalanceAfter. Units that post to one wallet wait for each other, or one of them fails with
	// uow.ErrConflict. The receipts are in the order of the entries.
	//
	// Post returns ErrTooFewTokens if a balance would fall below zero (for an entry with
	// UpToBalance: if the balance is zero), ErrTooManyTokens if it would exceed MaxBalance, and
	// fault.NotFound if a user has no wallet.
	Post(ctx context.Context, entries ...Entry) ([]Receipt, error)

	// Close marks a wallet as closed, because its user is erased, and holds it until the unit ends.
	// It returns the closed wallet, or fault.NotFound if the user has none. To close a wallet again
	// changes nothing.
	Close(ctx context.Context, user id.User) (Wallet, error)

	// Transactions lists up to limit transactions of a user in descending order of seq: those with
	// a seq less than below, or the latest if below is nil.
	Transactions(ctx context.Context, user id.User, below *int64, limit int) ([]Transaction, error)

	// Chains lists the chains of up to limit wallets in ascending order of user id: those of users
	// after a user, or from the first if after is zero.
	Chains(ctx context.Context, after id.User, limit int) ([]Chain, error)

	// Unsealed is like Chains for the wallets with a transaction that is not sealed and whose id is
	// not less than since. The time that it takes depends on how many transactions have such an id,
	// and not on the length of the ledger.
	Unsealed(ctx context.Context, since id.Transaction, after id.User, limit int) ([]Chain, error)

	// Following lists up to limit transactions that the chains lack seals of: those after Last and up to
	// Posted, in ascending order of user id, and then of seq. The chains are in ascending order of user
	// id, each of another user. The hashes of their seals do not matter.
	Following(ctx context.Context, chains []Chain, limit int) ([]Transaction, error)

	// Seal adds seals to the ends of chains, all or none. A seal never changes and is never removed.
	// Seal returns uow.ErrConflict if a user already has a seal with the same seq: another unit was
	// faster. The caller then reads the chains again.
	Seal(ctx context.Context, seals ...Seal) error
}

// Tx holds the repositories that this domain uses in a unit of work.
type Tx interface {
	events.Tx
	Tokens() Repository
}
