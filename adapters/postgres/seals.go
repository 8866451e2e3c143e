package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// chainsOf returns the chains of wallets that a query names, in ascending order of user id.
func chainsOf(wallets statement) statement {
	return `SELECT wallet.user_id, coalesce(last.seq, 0), coalesce(last.hash, decode(repeat('00', 32), 'hex')), wallet.seq
		FROM (` + wallets + `) AS wallet LEFT JOIN LATERAL (SELECT seq, hash FROM @ledger_seals
			WHERE user_id = wallet.user_id ORDER BY seq DESC LIMIT 1) AS last ON true
		ORDER BY wallet.user_id`
}

func allChains(limit int) statement {
	return chainsOf("SELECT user_id, seq FROM @wallets WHERE user_id > (SELECT $1::uuid) ORDER BY user_id " + firstOf(limit))
}

// unsealedChains finds the chains that lack seals. Transactions of one wallet are committed in the
// order of seq, and sealed in this order. So if the last recent one is sealed, the others are.
// OFFSET 0 keeps plans from reading the ledger in the order of users. $1 is not in a subquery: the
// planner must see that few rows are recent, or it reads the whole ledger.
var unsealedChains = chainsOf(`SELECT user_id, seq FROM @wallets WHERE user_id IN (SELECT user_id
		FROM (SELECT user_id, max(seq) AS seq
			FROM (SELECT user_id, seq FROM @token_transactions WHERE id >= $1 OFFSET 0) AS recent
			WHERE user_id > $2 GROUP BY user_id) AS posted
		WHERE NOT EXISTS (SELECT FROM @ledger_seals AS sealed WHERE sealed.user_id = posted.user_id AND sealed.seq = posted.seq)
		ORDER BY user_id LIMIT $3)`)

func scanChain(r *row, c *tokens.Chain) {
	c.Last = tokens.Seal{UserID: r.id(), Seq: r.int(), Hash: r.hash()}
	c.Posted = r.int()
}

func (repo tokensRepository) Chains(ctx context.Context, after id.User, limit int) (chains []tokens.Chain, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		chains, err = list(ctx, c, scanChain, allChains(limit), uuid(after))
		return err
	})
	return chains, err
}

func (repo tokensRepository) Unsealed(
	ctx context.Context, since id.Transaction, after id.User, limit int,
) (chains []tokens.Chain, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		chains, err = list(ctx, c, scanChain, unsealedChains, uuid(since), uuid(after), limited(limit))
		return err
	})
	return chains, err
}

// following finds the first lines of the users $1 with seqs above $2 and up to $3.
func following(limit int) statement {
	return `SELECT line.* FROM unnest((SELECT $1::uuid[]), (SELECT $2::bigint[]), (SELECT $3::bigint[])) AS chain (user_id, seq, posted)
		CROSS JOIN LATERAL (SELECT ` + transactions.columns + ` FROM @token_transactions
			WHERE user_id = chain.user_id AND seq > chain.seq AND seq <= chain.posted ORDER BY seq ` + firstOf(limit) + `) AS line
		ORDER BY line.user_id, line.seq ` + firstOf(limit)
}

func (repo tokensRepository) Following(
	ctx context.Context, chains []tokens.Chain, limit int,
) (lines []tokens.Transaction, err error) {
	users, seqs, posted := make([][16]byte, len(chains)), make([]int64, len(chains)), make([]int64, len(chains))
	for i, c := range chains {
		users[i], seqs[i], posted[i] = c.Last.UserID, c.Last.Seq, c.Posted
	}
	err = repo.read(ctx, func(c *conn) (err error) {
		lines, err = list(ctx, c, transactions.scan, following(limit), users, seqs, posted)
		return err
	})
	return lines, err
}

// addSeals adds the seals of the users $1 with the seqs $2 and the hashes $3. One statement for all of
// them takes a fifth of the time of one for each.
const addSeals statement = `INSERT INTO @ledger_seals (user_id, seq, hash)
	SELECT user_id, seq, hash FROM unnest($1::uuid[], $2::bigint[], $3::bytea[]) AS sealed (user_id, seq, hash)`

// Seal sends the seals immediately: a duplicate is a lost race.
func (repo tokensRepository) Seal(ctx context.Context, all ...tokens.Seal) error {
	users, seqs, hashes := make([][16]byte, len(all)), make([]int64, len(all)), make([][]byte, len(all))
	for i, s := range all {
		users[i], seqs[i], hashes[i] = s.UserID, s.Seq, s.Hash[:]
	}
	return repo.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, addSeals, users, seqs, hashes)
		if failed, ok := errors.AsType[*pgconn.PgError](err); ok && failed.Code == pgerrcode.UniqueViolation {
			err = uow.ErrConflict.Wrap(err)
		}
		return err
	})
}

// sealBefore seals the transactions from before there were seals. It may be interrupted and run
// again. search_path of db begins with the schema.
func sealBefore(ctx context.Context, db *sql.Conn, config *pgxpool.Config, o Options) (err error) {
	var done bool
	if err := db.QueryRowContext(ctx, "SELECT done FROM ledger_sealing").Scan(&done); err != nil || done {
		return translate(ctx, err)
	}
	o.configureOwn(config)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("make a pool: %w", err)
	}
	s := newStore(pool, o, pool.Close)
	defer func() { err = errors.Join(err, s.Close(context.WithoutCancel(ctx))) }()
	sealer, err := tokens.NewSealer(ports.ForTokens(ports.NewStore(s, uow.Policy{})), nil, tokens.DefaultPolicy())
	if err != nil {
		return err
	}
	if err := sealer.SealAll(ctx); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "UPDATE ledger_sealing SET done = true")
	return translate(ctx, err)
}
