package postgres

import (
	"context"
	"errors"
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

const transactionColumns = "user_id, seq, id, amount, type, reason, metadata::text, balance_before, balance_after, created_at"

func scanTransaction(r *row) tokens.Transaction {
	return tokens.Transaction{
		UserID: r.id(), Seq: r.int(), ID: r.id(), Amount: r.int(), Type: tokens.Type(r.text()), Reason: r.text(),
		Metadata: r.metadata(), BalanceBefore: r.int(), BalanceAfter: r.int(), CreatedAt: r.time(),
	}
}

const (
	moveBalance statement = `UPDATE @wallets SET balance = balance + $2, seq = seq + 1
		WHERE user_id = $1 AND balance + $2 BETWEEN 0 AND $3 RETURNING ` + walletColumns

	holdWallets statement = "SELECT " + walletColumns + " FROM @wallets WHERE user_id = ANY($1) ORDER BY user_id FOR NO KEY UPDATE"

	setBalance statement = "UPDATE @wallets SET balance = $2, seq = $3 WHERE user_id = $1"

	addTransaction statement = `INSERT INTO @token_transactions
		(user_id, seq, id, amount, type, reason, metadata, balance_before, balance_after, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
)

type tokensRepository struct{ *unit }

func (r tokensRepository) Open(ctx context.Context, w tokens.Wallet) error {
	return r.write(ctx, func(c *conn) error {
		c.later("INSERT INTO @wallets (id, user_id, balance, seq, closed) VALUES ($1, $2, 0, 0, false)", uuid(w.ID), uuid(w.UserID))
		return nil
	})
}

func (r tokensRepository) Wallet(ctx context.Context, user id.User) (w tokens.Wallet, err error) {
	err = r.read(ctx, func(c *conn) error {
		there, err := find(ctx, c, scanWallet, "SELECT "+walletColumns+" FROM @wallets WHERE user_id = $1", uuid(user))
		w = there.Wallet
		return orNotFound(err, "a wallet")
	})
	return w, err
}

// Post locks the wallets; the lines of the ledger go out with the next question. One entry, which is the rule, takes its
// guard along.
func (r tokensRepository) Post(ctx context.Context, entries ...tokens.Entry) (receipts []tokens.Receipt, err error) {
	err = r.write(ctx, func(c *conn) (err error) {
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

// postOne moves one balance, or answers errNone where that cannot be done: postAll finds out why.
func postOne(ctx context.Context, c *conn, e tokens.Entry) ([]tokens.Receipt, error) {
	after, err := find(ctx, c, scanWallet, moveBalance, uuid(e.UserID), e.Amount, tokens.MaxBalance)
	if err != nil {
		return nil, err
	}
	line, err := e.On(after.Balance-e.Amount, after.seq-1)
	if err != nil {
		return nil, err
	}
	addLine(c, line)
	return []tokens.Receipt{{Transaction: line, Closed: after.Closed}}, nil
}

func postAll(ctx context.Context, c *conn, entries []tokens.Entry) (receipts []tokens.Receipt, err error) {
	wallets, err := hold(ctx, c, entries)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		w := wallets[e.UserID]
		line, err := e.On(w.Balance, w.seq)
		if err != nil {
			return nil, err
		}
		addLine(c, line)
		w.Balance, w.seq = line.BalanceAfter, line.Seq
		receipts = append(receipts, tokens.Receipt{Transaction: line, Closed: w.Closed})
	}
	for user, w := range wallets {
		c.later(setBalance, uuid(user), w.Balance, w.seq)
	}
	return receipts, nil
}

func addLine(c *conn, line tokens.Transaction) {
	c.later(addTransaction, uuid(line.UserID), line.Seq, uuid(line.ID), line.Amount, string(line.Type), line.Reason,
		line.Metadata.String(), line.BalanceBefore, line.BalanceAfter, line.CreatedAt)
}

// hold locks the wallets of those whom entries name, by user id ascending.
func hold(ctx context.Context, c *conn, entries []tokens.Entry) (map[id.User]*wallet, error) {
	wallets := make(map[id.User]*wallet, len(entries))
	var owners []id.User
	for _, e := range entries {
		if _, named := wallets[e.UserID]; !named {
			wallets[e.UserID] = nil
			owners = append(owners, e.UserID)
		}
	}
	held, err := list(ctx, c, scanWallet, holdWallets, uuids(owners))
	if err != nil {
		return nil, err
	}
	if len(held) < len(owners) {
		return nil, notFound("a wallet")
	}
	for _, w := range held {
		wallets[w.UserID] = &w
	}
	return wallets, nil
}

func (r tokensRepository) Close(ctx context.Context, user id.User) (w tokens.Wallet, err error) {
	err = r.write(ctx, func(c *conn) error {
		closed, err := find(ctx, c, scanWallet, "UPDATE @wallets SET closed = true WHERE user_id = $1 RETURNING "+walletColumns, uuid(user))
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
		lines, err = list(ctx, c, scanTransaction, "SELECT "+transactionColumns+` FROM @token_transactions
			WHERE user_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3`, uuid(user), first, limited(limit))
		return err
	})
	return lines, err
}
