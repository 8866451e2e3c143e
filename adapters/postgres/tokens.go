package postgres

import (
	"context"
	"errors"
	"math"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/ports"
)

var (
	wallets      = tableOf(ports.WalletLayout)
	transactions = tableOf(ports.TransactionLayout)

	moveBalance = `UPDATE @wallets SET balance = balance + $2, seq = seq + 1
		WHERE user_id = $1 AND balance + $2 BETWEEN 0 AND $3 RETURNING ` + wallets.columns

	holdWallets = "SELECT " + wallets.columns + " FROM @wallets WHERE user_id " + oneOf("$1", "uuid") + " ORDER BY user_id FOR NO KEY UPDATE"
)

const setBalance statement = "UPDATE @wallets SET balance = $2, seq = $3 WHERE user_id = $1"

type tokensRepository struct{ *unit }

func (repo tokensRepository) Open(ctx context.Context, w tokens.Wallet) error {
	return repo.write(ctx, func(c *conn) error {
		c.later(wallets.insert, wallets.args(ports.Wallet{Wallet: tokens.Wallet{ID: w.ID, UserID: w.UserID}})...)
		return nil
	})
}

func (repo tokensRepository) Wallet(ctx context.Context, user id.User) (w tokens.Wallet, err error) {
	err = repo.read(ctx, func(c *conn) error {
		there, err := find(ctx, c, wallets.scan, "SELECT "+wallets.columns+" FROM @wallets WHERE user_id = $1", uuid(user))
		w = there.Wallet
		return orNotFound(err, "a wallet")
	})
	return w, err
}

// Post locks the wallets. The inserts into the ledger go out with the next query. A single entry,
// the usual case, is checked and written in one statement.
func (repo tokensRepository) Post(ctx context.Context, entries ...tokens.Entry) (receipts []tokens.Receipt, err error) {
	err = repo.write(ctx, func(c *conn) (err error) {
		if len(entries) == 1 && !entries[0].UpToBalance {
			receipts, err = postOne(ctx, c, entries[0])
			if !errors.Is(err, errNone) {
				return err
			}
		}
		receipts, err = postAll(ctx, c, entries)
		return err
	})
	if err != nil {
		return nil, err
	}
	return receipts, nil
}

// postOne changes one balance, or returns errNone if the change is not possible. postAll then finds
// the reason.
func postOne(ctx context.Context, c *conn, e tokens.Entry) ([]tokens.Receipt, error) {
	after, err := find(ctx, c, wallets.scan, moveBalance, uuid(e.UserID), e.Amount, tokens.MaxBalance)
	if err != nil {
		return nil, err
	}
	line, err := e.Apply(after.Balance-e.Amount, after.Seq-1)
	if err != nil {
		return nil, err
	}
	c.later(transactions.insert, transactions.args(line)...)
	return []tokens.Receipt{{Transaction: line, Closed: after.Closed}}, nil
}

func postAll(ctx context.Context, c *conn, entries []tokens.Entry) (receipts []tokens.Receipt, err error) {
	held, err := hold(ctx, c, entries)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		w := held[e.UserID]
		line, err := e.Apply(w.Balance, w.Seq)
		if err != nil {
			return nil, err
		}
		c.later(transactions.insert, transactions.args(line)...)
		w.Balance, w.Seq = line.BalanceAfter, line.Seq
		receipts = append(receipts, tokens.Receipt{Transaction: line, Closed: w.Closed})
	}
	for user, w := range held {
		c.later(setBalance, uuid(user), w.Balance, w.Seq)
	}
	return receipts, nil
}

// hold locks the wallets of the entries in ascending order of user id.
func hold(ctx context.Context, c *conn, entries []tokens.Entry) (map[id.User]*ports.Wallet, error) {
	held := make(map[id.User]*ports.Wallet, len(entries))
	var owners []id.User
	for _, e := range entries {
		if _, named := held[e.UserID]; !named {
			held[e.UserID] = nil
			owners = append(owners, e.UserID)
		}
	}
	found, err := list(ctx, c, wallets.scan, holdWallets, uuids(owners))
	if err != nil {
		return nil, err
	}
	if len(found) < len(owners) {
		return nil, notFound("a wallet")
	}
	for _, w := range found {
		held[w.UserID] = &w
	}
	return held, nil
}

func (repo tokensRepository) Close(ctx context.Context, user id.User) (w tokens.Wallet, err error) {
	err = repo.write(ctx, func(c *conn) error {
		closed, err := find(ctx, c, wallets.scan,
			"UPDATE @wallets SET closed = true WHERE user_id = $1 RETURNING "+wallets.columns, uuid(user))
		w = closed.Wallet
		return orNotFound(err, "a wallet")
	})
	return w, err
}

func (repo tokensRepository) Transactions(
	ctx context.Context, user id.User, below *int64, limit int,
) (lines []tokens.Transaction, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		first := int64(math.MaxInt64)
		if below != nil {
			first = *below
		}
		lines, err = list(ctx, c, transactions.scan, "SELECT "+transactions.columns+` FROM @token_transactions
			WHERE user_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT `+hidden("$3"), uuid(user), first, limited(limit))
		return err
	})
	return lines, err
}
