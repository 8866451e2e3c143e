package memory

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
)

// addSeal adds a seal to the end of a chain. No seal is ever changed or removed.
func (t *tokenTables) addSeal(s tokens.Seal) error {
	key := idKey(s.UserID) + intKey(s.Seq)
	switch {
	case t.seals.has(key):
		return taken("a transaction's seal")
	case !t.ledger.has(key):
		return noTarget("a seal's transaction")
	}
	t.seals.put(key, s)
	return nil
}

// chain returns the chain of a wallet.
func (t *tokenTables) chain(user id.User) tokens.Chain {
	c := tokens.Chain{Last: tokens.Seal{UserID: user}}
	if w, found := t.wallets.get(idKey(user)); found {
		c.Posted = w.Seq
	}
	for _, last := range t.seals.descend(idKey(user), "") {
		c.Last = last
		break
	}
	return c
}

func (repo tokensRepository) Chains(ctx context.Context, after id.User, limit int) (chains []tokens.Chain, err error) {
	err = repo.read(ctx, func(s *state) error {
		for _, w := range s.wallets.ascend("", idKey(after)) {
			if len(chains) >= limit {
				break
			}
			chains = append(chains, s.chain(w.UserID))
		}
		return nil
	})
	return chains, err
}

func (repo tokensRepository) Unsealed(
	ctx context.Context, since id.Transaction, after id.User, limit int,
) (chains []tokens.Chain, err error) {
	err = repo.read(ctx, func(s *state) error {
		var found index // user_id
		s.transactionIDs.m.Ascend(idKey(since), func(_ string, line *tokens.Transaction) bool {
			if line.UserID.Compare(after) > 0 && !s.seals.has(idKey(line.UserID)+intKey(line.Seq)) {
				found.put(idKey(line.UserID), struct{}{})
			}
			return true
		})
		for user := range found.ascend("", "") {
			if len(chains) >= limit {
				break
			}
			chains = append(chains, s.chain(id.User([]byte(user))))
		}
		return nil
	})
	return chains, err
}

func (repo tokensRepository) Following(
	ctx context.Context, chains []tokens.Chain, limit int,
) (lines []tokens.Transaction, err error) {
	err = repo.read(ctx, func(s *state) error {
		for _, c := range chains {
			user := idKey(c.Last.UserID)
			for _, line := range s.ledger.ascend(user, user+intKey(c.Last.Seq)) {
				if len(lines) >= limit {
					return nil
				}
				if line.Seq > c.Posted {
					break
				}
				lines = append(lines, *line)
			}
		}
		return nil
	})
	return lines, err
}

func (repo tokensRepository) Seal(ctx context.Context, seals ...tokens.Seal) error {
	return repo.write(ctx, func(s *state) error {
		for _, seal := range seals {
			if s.seals.has(idKey(seal.UserID) + intKey(seal.Seq)) {
				return uow.ErrConflict.Wrap(taken("a transaction's seal"))
			}
			if err := s.addSeal(seal); err != nil {
				return err
			}
		}
		return nil
	})
}
