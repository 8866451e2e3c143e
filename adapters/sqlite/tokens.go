package sqlite

import (
	"context"
	"fmt"
	"math"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
)

// wallet is a row: a wallet and the last seq that it gave out.
type wallet struct {
	tokens.Wallet
	seq int64
}

const walletColumns = "id, user_id, balance, closed, seq"

func scanWallet(r *row) wallet {
	return wallet{Wallet: tokens.Wallet{ID: r.id(), UserID: r.id(), Balance: r.int(), Closed: r.bool()}, seq: r.int()}
}

const transactionColumns = "user_id, seq, id, amount, type, reason, metadata, balance_before, balance_after, created_at"

func scanTransaction(r *row) tokens.Transaction {
	return tokens.Transaction{
		UserID: r.id(), Seq: r.int(), ID: r.id(), Amount: r.int(), Type: tokens.Type(r.text()), Reason: r.text(),
		Metadata: r.metadata(), BalanceBefore: r.int(), BalanceAfter: r.int(), CreatedAt: r.time(),
	}
}

type tokensRepository struct{ *unit }

func (r tokensRepository) Open(ctx context.Context, w tokens.Wallet) error {
	return r.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, "INSERT INTO wallets (id, user_id, balance, seq, closed) VALUES (?, ?, 0, 0, 0)", blob(w.ID), blob(w.UserID))
		return err
	})
}

func (r tokensRepository) Wallet(ctx context.Context, user id.User) (w tokens.Wallet, err error) {
	err = r.read(ctx, func(c *conn) error {
		there, err := findWallet(ctx, c, user)
		w = there.Wallet
		return err
	})
	return w, err
}

func findWallet(ctx context.Context, c *conn, user id.User) (wallet, error) {
	w, err := find(ctx, c, scanWallet, "SELECT "+walletColumns+" FROM wallets WHERE user_id = ?", blob(user))
	return w, orNotFound(err, "a wallet")
}

func (r tokensRepository) Post(ctx context.Context, entries ...tokens.Entry) (receipts []tokens.Receipt, err error) {
	err = r.write(ctx, func(c *conn) error {
		// All wallets first: one that is missing does not end the unit, so nothing may be written by then.
		wallets := map[id.User]*wallet{}
		for _, e := range entries {
			if wallets[e.UserID] != nil {
				continue
			}
			w, err := findWallet(ctx, c, e.UserID)
			if err != nil {
				return err
			}
			wallets[e.UserID] = &w
		}
		for _, e := range entries {
			receipt, err := post(ctx, c, wallets[e.UserID], e)
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

// post moves one balance, and writes the line that says so.
func post(ctx context.Context, c *conn, w *wallet, e tokens.Entry) (tokens.Receipt, error) {
	line, err := e.On(w.Balance, w.seq)
	if err != nil {
		return tokens.Receipt{}, err
	}
	_, err = c.exec(ctx, "INSERT INTO token_transactions ("+transactionColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		blob(line.UserID), line.Seq, blob(line.ID), line.Amount, string(line.Type), line.Reason, line.Metadata.String(),
		line.BalanceBefore, line.BalanceAfter, milli(line.CreatedAt))
	if err != nil {
		return tokens.Receipt{}, err
	}
	changed, err := c.exec(ctx, "UPDATE wallets SET balance = ?, seq = ? WHERE user_id = ? AND seq = ?",
		line.BalanceAfter, line.Seq, blob(line.UserID), w.seq)
	if err == nil && changed != 1 {
		err = fmt.Errorf("%d wallets were changed", changed)
	}
	if err != nil {
		return tokens.Receipt{}, err
	}
	w.Balance, w.seq = line.BalanceAfter, line.Seq
	return tokens.Receipt{Transaction: line, Closed: w.Closed}, nil
}

func (r tokensRepository) Close(ctx context.Context, user id.User) (w tokens.Wallet, err error) {
	err = r.write(ctx, func(c *conn) error {
		closed, err := find(ctx, c, scanWallet, "UPDATE wallets SET closed = 1 WHERE user_id = ? RETURNING "+walletColumns, blob(user))
		w = closed.Wallet
		return orNotFound(err, "a wallet")
	})
	return w, err
}

func (r tokensRepository) Transactions(ctx context.Context, user id.User, below *int64, limit int) (lines []tokens.Transaction, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		first := int64(math.MaxInt64)
		if below != nil {
			first = *below
		}
		lines, err = list(ctx, c, scanTransaction, "SELECT "+transactionColumns+` FROM token_transactions
			WHERE user_id = ? AND seq < ? ORDER BY seq DESC LIMIT ?`, blob(user), first, limited(limit))
		return err
	})
	return lines, err
}
