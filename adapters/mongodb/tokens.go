package mongodb

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/ports"
)

var (
	wallets      = tableOf(ports.WalletLayout)
	transactions = tableOf(ports.TransactionLayout)
)

// insertWallet adds a wallet with the columns of doc.
func (t *txn) insertWallet(doc bson.D) {
	t.later(walletsIn, inserting(append(doc, d("guard", int64(0))...)))
}

type tokensRepository struct{ *unit }

func (repo tokensRepository) Open(ctx context.Context, w tokens.Wallet) error {
	return repo.write(ctx, func(t *txn) error {
		t.insertWallet(wallets.doc(ports.Wallet{Wallet: tokens.Wallet{ID: w.ID, UserID: w.UserID}}))
		return nil
	})
}

func (repo tokensRepository) Wallet(ctx context.Context, user id.User) (w tokens.Wallet, err error) {
	err = repo.read(ctx, func(t *txn) error {
		there, err := find(ctx, t, wallets.scan, query{in: walletsIn, filter: d("user_id", uuid(user))})
		w = there.Wallet
		return orNotFound(err, "a wallet")
	})
	return w, err
}

// Post writes the wallets immediately. The inserts into the ledger go out with the commit. A single
// entry, the usual case, is checked and written in one command.
func (repo tokensRepository) Post(ctx context.Context, entries ...tokens.Entry) (receipts []tokens.Receipt, err error) {
	err = repo.write(ctx, func(t *txn) (err error) {
		names := make([]turn, len(entries))
		for i, e := range entries {
			names[i] = turnOf(turnOfWallet, e.UserID)
		}
		if err := t.queueFor(ctx, names...); err != nil {
			return err
		}
		if len(entries) == 1 && !entries[0].UpToBalance {
			receipts, err = postOne(ctx, t, entries[0])
			if !errors.Is(err, mongo.ErrNoDocuments) {
				return err
			}
		}
		receipts, err = postAll(ctx, t, entries)
		return err
	})
	if err != nil {
		return nil, err
	}
	return receipts, nil
}

// postOne changes one balance, or returns mongo.ErrNoDocuments if the change is not possible.
// postAll then finds the reason.
func postOne(ctx context.Context, t *txn, e tokens.Entry) ([]tokens.Receipt, error) {
	after, err := changeBalance(ctx, t, e)
	if err != nil {
		return nil, err
	}
	line, err := e.Apply(after.Balance-e.Amount, after.Seq-1)
	if err != nil {
		return nil, err
	}
	t.later(ledgerIn, inserting(transactions.doc(line)))
	return []tokens.Receipt{{Transaction: line, Closed: after.Closed}}, nil
}

// changeBalance changes one balance, or returns mongo.ErrNoDocuments if the change is not possible.
func changeBalance(ctx context.Context, t *txn, e tokens.Entry) (after ports.Wallet, err error) {
	return modify(ctx, t, wallets.scan, options.After, walletsIn,
		d("user_id", uuid(e.UserID), "balance", d("$gte", -e.Amount, "$lte", tokens.MaxBalance-e.Amount)),
		d("$inc", d("balance", e.Amount, "seq", int64(1))))
}

func postAll(ctx context.Context, t *txn, entries []tokens.Entry) (receipts []tokens.Receipt, err error) {
	held, err := walletsOf(ctx, t, entries)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		w := held[e.UserID]
		line, err := e.Apply(w.Balance, w.Seq)
		if err != nil {
			return nil, err
		}
		t.later(ledgerIn, inserting(transactions.doc(line)))
		w.Balance, w.Seq = line.BalanceAfter, line.Seq
		receipts = append(receipts, tokens.Receipt{Transaction: line, Closed: w.Closed})
	}
	models := make([]mongo.WriteModel, 0, len(held))
	for user, w := range held {
		models = append(models, changing(d("user_id", uuid(user)), d("$set", d("balance", w.Balance, "seq", w.Seq))))
	}
	_, err = t.update(ctx, walletsIn, models...)
	return receipts, err
}

// walletsOf reads the wallets of the entries in the transaction that will write them. If another
// unit writes one in between, the write fails.
func walletsOf(ctx context.Context, t *txn, entries []tokens.Entry) (map[id.User]*ports.Wallet, error) {
	held := make(map[id.User]*ports.Wallet, len(entries))
	var owners []id.User
	for _, e := range entries {
		if _, named := held[e.UserID]; !named {
			held[e.UserID] = nil
			owners = append(owners, e.UserID)
		}
	}
	q := query{in: walletsIn, filter: d("user_id", d("$in", uuids(owners))), locked: true}
	if err := t.lift(ctx, q.in, q.filter); err != nil {
		return nil, err
	}
	if err := t.begin(ctx); err != nil {
		return nil, err
	}
	found, err := list(ctx, t, wallets.scan, q)
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
	err = repo.write(ctx, func(t *txn) error {
		if err := t.queueFor(ctx, turnOf(turnOfWallet, user)); err != nil {
			return err
		}
		closed, err := modify(ctx, t, wallets.scan, options.After, walletsIn, d("user_id", uuid(user)),
			append(guarded(), d("$set", d("closed", true))...))
		w = closed.Wallet
		return orNotFound(err, "a wallet")
	})
	return w, err
}

func (repo tokensRepository) Transactions(
	ctx context.Context, user id.User, below *int64, limit int,
) (lines []tokens.Transaction, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		filter := d("user_id", uuid(user))
		if below != nil {
			filter = append(filter, d("seq", d("$lt", *below))...)
		}
		lines, err = listPage(ctx, t, transactions.scan, limit, query{in: ledgerIn, filter: filter, sort: d("seq", -1)})
		return err
	})
	return lines, err
}
