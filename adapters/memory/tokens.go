package memory

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/ports"
)

type tokenTables struct {
	wallets        tree[*ports.Wallet]       // user_id
	walletIDs      tree[*ports.Wallet]       // id
	ledger         tree[*tokens.Transaction] // user_id, seq
	transactionIDs tree[*tokens.Transaction] // id
	seals          tree[tokens.Seal]         // user_id, seq
}

func (t *tokenTables) copy() tokenTables {
	return tokenTables{
		wallets: t.wallets.copy(), walletIDs: t.walletIDs.copy(),
		ledger: t.ledger.copy(), transactionIDs: t.transactionIDs.copy(), seals: t.seals.copy(),
	}
}

func (s *state) addWallet(w ports.Wallet) error {
	switch {
	case s.walletIDs.has(idKey(w.ID)):
		return taken("a wallet")
	case s.wallets.has(idKey(w.UserID)):
		return taken("a user's wallet")
	case !s.users.has(idKey(w.UserID)):
		return noTarget("a wallet's user")
	case w.Balance < 0 || w.Balance > tokens.MaxBalance || w.Seq < 0:
		return broken("a wallet's balance and seq must not be negative")
	}
	s.putWallet(w)
	return nil
}

func (t *tokenTables) putWallet(w ports.Wallet) {
	t.wallets.put(idKey(w.UserID), &w)
	t.walletIDs.put(idKey(w.ID), &w)
}

// append adds an entry to the ledger. No entry is ever changed or removed.
func (t *tokenTables) append(line tokens.Transaction) error {
	key := idKey(line.UserID) + intKey(line.Seq)
	switch {
	case t.ledger.has(key):
		return taken("a wallet's seq")
	case t.transactionIDs.has(idKey(line.ID)):
		return taken("a transaction")
	case !t.wallets.has(idKey(line.UserID)):
		return noTarget("a transaction's wallet")
	case line.Seq < 1:
		return broken("seq must be at least 1")
	case !line.Type.Allows(line.Amount):
		return broken("a transaction's amount must fit its type")
	case line.BalanceBefore < 0 || line.BalanceAfter < 0:
		return broken("a balance must not be negative")
	case line.BalanceAfter-line.BalanceBefore != line.Amount:
		return broken("a transaction's balances must differ by its amount")
	}
	t.ledger.put(key, &line)
	t.transactionIDs.put(idKey(line.ID), &line)
	return nil
}

// post changes one balance, and adds the entry to the ledger.
func (t *tokenTables) post(e tokens.Entry) (tokens.Receipt, error) {
	there, found := t.wallets.get(idKey(e.UserID))
	if !found {
		return tokens.Receipt{}, notFound("a wallet")
	}
	w := *there
	line, err := e.Apply(w.Balance, w.Seq)
	if err != nil {
		return tokens.Receipt{}, err
	}
	if err := t.append(line); err != nil {
		return tokens.Receipt{}, err
	}
	w.Balance, w.Seq = line.BalanceAfter, line.Seq
	t.putWallet(w)
	return tokens.Receipt{Transaction: line, Closed: w.Closed}, nil
}

type tokensRepository struct{ *unit }

func (repo tokensRepository) Open(ctx context.Context, w tokens.Wallet) error {
	return repo.write(ctx, func(s *state) error {
		return s.addWallet(ports.Wallet{Wallet: tokens.Wallet{ID: w.ID, UserID: w.UserID}})
	})
}

func (repo tokensRepository) Wallet(ctx context.Context, user id.User) (w tokens.Wallet, err error) {
	err = repo.read(ctx, func(s *state) error {
		there, found := s.wallets.get(idKey(user))
		if !found {
			return notFound("a wallet")
		}
		w = there.Wallet
		return nil
	})
	return w, err
}

func (repo tokensRepository) Post(ctx context.Context, entries ...tokens.Entry) (receipts []tokens.Receipt, err error) {
	err = repo.write(ctx, func(s *state) error {
		for _, e := range entries {
			if !s.wallets.has(idKey(e.UserID)) {
				return notFound("a wallet") // does not end the unit, so nothing may be written before
			}
		}
		for _, e := range entries {
			receipt, err := s.post(e)
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

func (repo tokensRepository) Close(ctx context.Context, user id.User) (w tokens.Wallet, err error) {
	err = repo.write(ctx, func(s *state) error {
		there, found := s.wallets.get(idKey(user))
		if !found {
			return notFound("a wallet")
		}
		closed := *there
		closed.Closed = true
		s.putWallet(closed)
		w = closed.Wallet
		return nil
	})
	return w, err
}

func (repo tokensRepository) Transactions(
	ctx context.Context, user id.User, below *int64, limit int,
) (lines []tokens.Transaction, err error) {
	err = repo.read(ctx, func(s *state) error {
		before := ""
		if below != nil {
			before = idKey(user) + intKey(*below)
		}
		for _, line := range s.ledger.descend(idKey(user), before) {
			if len(lines) >= limit {
				break
			}
			lines = append(lines, *line)
		}
		return nil
	})
	return lines, err
}
