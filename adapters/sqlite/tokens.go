package sqlite

import (
	"context"
	"fmt"
	"math"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/ports"
)

var (
	wallets      = tableOf(ports.WalletLayout)
	transactions = tableOf(ports.TransactionLayout)
)

type tokensRepository struct{ *unit }

func (repo tokensRepository) Open(ctx context.Context, w tokens.Wallet) error {
	return repo.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, wallets.insert, wallets.args(ports.Wallet{Wallet: tokens.Wallet{ID: w.ID, UserID: w.UserID}})...)
		return err
	})
}

func (repo tokensRepository) Wallet(ctx context.Context, user id.User) (w tokens.Wallet, err error) {
	err = repo.read(ctx, func(c *conn) error {
		there, err := findWallet(ctx, c, user)
		w = there.Wallet
		return err
	})
	return w, err
}

func findWallet(ctx context.Context, c *conn, user id.User) (ports.Wallet, error) {
	w, err := find(ctx, c, wallets.scan, "SELECT "+wallets.columns+" FROM wallets WHERE user_id = ?", blob(user))
	return w, orNotFound(err, "a wallet")
}

func (repo tokensRepository) Post(ctx context.Context, entries ...tokens.Entry) (receipts []tokens.Receipt, err error) {
	err = repo.write(ctx, func(c *conn) error {
		// All wallets first: a missing wallet does not end the unit, so nothing may be written
		// before.
		held := map[id.User]*ports.Wallet{}
		for _, e := range entries {
			if held[e.UserID] != nil {
				continue
			}
			w, err := findWallet(ctx, c, e.UserID)
			if err != nil {
				return err
			}
			held[e.UserID] = &w
		}
		for _, e := range entries {
			receipt, err := post(ctx, c, held[e.UserID], e)
			if err != nil {
				return err
			}
			receipts = append(receipts, receipt)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return receipts, nil
}

// post changes one balance, and adds the entry to the ledger.
func post(ctx context.Context, c *conn, w *ports.Wallet, e tokens.Entry) (tokens.Receipt, error) {
	line, err := e.Apply(w.Balance, w.Seq)
	if err != nil {
		return tokens.Receipt{}, err
	}
	if _, err = c.exec(ctx, transactions.insert, transactions.args(line)...); err != nil {
		return tokens.Receipt{}, err
	}
	changed, err := c.exec(ctx, "UPDATE wallets SET balance = ?, seq = ? WHERE user_id = ? AND seq = ?",
		line.BalanceAfter, line.Seq, blob(line.UserID), w.Seq)
	if err == nil && changed != 1 {
		err = fmt.Errorf("%d wallets were changed", changed)
	}
	if err != nil {
		return tokens.Receipt{}, err
	}
	w.Balance, w.Seq = line.BalanceAfter, line.Seq
	return tokens.Receipt{Transaction: line, Closed: w.Closed}, nil
}

func (repo tokensRepository) Close(ctx context.Context, user id.User) (w tokens.Wallet, err error) {
	err = repo.write(ctx, func(c *conn) error {
		closed, err := find(ctx, c, wallets.scan, "UPDATE wallets SET closed = 1 WHERE user_id = ? RETURNING "+wallets.columns, blob(user))
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
		lines, err = list(ctx, c, transactions.scan, "SELECT "+transactions.columns+` FROM token_transactions
			WHERE user_id = ? AND seq < ? ORDER BY seq DESC LIMIT +?`, blob(user), first, limited(limit))
		return err
	})
	return lines, err
}
