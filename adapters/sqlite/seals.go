package sqlite

import (
	"context"
	"fmt"

	codes "modernc.org/sqlite/lib"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

var seals = tableOf(ports.SealLayout)

// chainsOf returns the chains of wallets that a query names, in ascending order of user id.
func chainsOf(wallets string) string {
	return `SELECT wallet.user_id, coalesce(last.seq, 0), coalesce(last.hash, zeroblob(32)), wallet.seq
		FROM (` + wallets + `) AS wallet LEFT JOIN ledger_seals AS last ON last.user_id = wallet.user_id
			AND last.seq = (SELECT max(seq) FROM ledger_seals WHERE user_id = wallet.user_id)
		ORDER BY wallet.user_id`
}

var (
	allChains = chainsOf("SELECT user_id, seq FROM wallets WHERE user_id > ? ORDER BY user_id LIMIT +?")

	// Transactions of one wallet are committed in the order of seq, and sealed in this order. So if
	// the last recent one is sealed, the others are.
	unsealedChains = `WITH recent AS MATERIALIZED (SELECT user_id, max(seq) AS seq FROM token_transactions WHERE id >= ? GROUP BY user_id) ` +
		chainsOf(`SELECT user_id, seq FROM wallets WHERE user_id IN (SELECT user_id FROM recent
			WHERE user_id > ? AND NOT EXISTS (SELECT 1 FROM ledger_seals
				WHERE ledger_seals.user_id = recent.user_id AND ledger_seals.seq = recent.seq)
			ORDER BY user_id LIMIT +?)`)
)

func scanChain(r *row, c *tokens.Chain) {
	c.Last = tokens.Seal{UserID: r.id(), Seq: r.int(), Hash: r.hash()}
	c.Posted = r.int()
}

func (repo tokensRepository) Chains(ctx context.Context, after id.User, limit int) (chains []tokens.Chain, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		chains, err = list(ctx, c, scanChain, allChains, blob(after), limited(limit))
		return err
	})
	return chains, err
}

func (repo tokensRepository) Unsealed(
	ctx context.Context, since id.Transaction, after id.User, limit int,
) (chains []tokens.Chain, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		chains, err = list(ctx, c, scanChain, unsealedChains, blob(since), blob(after), limited(limit))
		return err
	})
	return chains, err
}

func (repo tokensRepository) Following(
	ctx context.Context, chains []tokens.Chain, limit int,
) (lines []tokens.Transaction, err error) {
	err = repo.read(ctx, func(c *conn) error {
		for _, chain := range chains {
			if len(lines) >= limit {
				break
			}
			of, err := list(ctx, c, transactions.scan, "SELECT "+transactions.columns+` FROM token_transactions
				WHERE user_id = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT +?`,
				blob(chain.Last.UserID), chain.Last.Seq, chain.Posted, limited(limit-len(lines)))
			if err != nil {
				return err
			}
			lines = append(lines, of...)
		}
		return nil
	})
	return lines, err
}

func (repo tokensRepository) Seal(ctx context.Context, all ...tokens.Seal) error {
	return repo.write(ctx, func(c *conn) error {
		for _, s := range all {
			_, err := c.exec(ctx, seals.insert, seals.args(s)...)
			if hasCode(err, codes.SQLITE_CONSTRAINT_PRIMARYKEY) {
				err = uow.ErrConflict.Wrap(err)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// isSealed reports whether the transactions from before there were seals are sealed.
func isSealed(ctx context.Context, c *conn) (bool, error) {
	done, err := find(ctx, c, value((*row).bool), "SELECT done FROM ledger_sealing")
	if err != nil {
		return false, fmt.Errorf("read whether the ledger is sealed: %w", err)
	}
	return done, nil
}

// sealBefore seals the transactions from before there were seals. It may be interrupted and run
// again.
func (s *Store) sealBefore(ctx context.Context, c *conn) error {
	if done, err := isSealed(ctx, c); err != nil || done {
		return err
	}
	sealer, err := tokens.NewSealer(ports.ForTokens(ports.NewStore(s, uow.Policy{})), nil, tokens.DefaultPolicy())
	if err == nil {
		err = sealer.SealAll(ctx)
	}
	if err == nil {
		_, err = c.exec(ctx, "UPDATE ledger_sealing SET done = 1")
	}
	return err
}
