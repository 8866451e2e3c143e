package mongodb

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

var seals = tableOf(ports.SealLayout)

// sealKey returns the id of the seal of a transaction.
func sealKey(user id.User, seq int64) bson.D { return d("user_id", uuid(user), "seq", seq) }

func (repo tokensRepository) Chains(ctx context.Context, after id.User, limit int) (chains []tokens.Chain, err error) {
	err = repo.read(ctx, func(t *txn) error {
		return t.together(ctx, func() (err error) {
			chains, err = listPage(ctx, t, scanPosted, limit, query{
				in: walletsIn, filter: d("user_id", d("$gt", uuid(after))), fields: d("user_id", 1, "seq", 1), sort: d("user_id", 1),
			})
			if err == nil {
				err = t.findSeals(ctx, chains)
			}
			return err
		})
	})
	return chains, err
}

// scanPosted reads the chain of a wallet, or of a transaction, without its last seal.
func scanPosted(r *record) tokens.Chain {
	return tokens.Chain{Last: tokens.Seal{UserID: r.id("user_id")}, Posted: r.int("seq")}
}

// Unsealed reads the recent transactions. Those of one wallet are committed in the order of seq, and
// sealed in this order. So if the last recent one is sealed, the others are.
func (repo tokensRepository) Unsealed(
	ctx context.Context, since id.Transaction, after id.User, limit int,
) (chains []tokens.Chain, err error) {
	err = repo.read(ctx, func(t *txn) error {
		return t.together(ctx, func() (err error) {
			chains, err = t.unsealed(ctx, since, after, max(limit, 0))
			return err
		})
	})
	return chains, err
}

func (t *txn) unsealed(ctx context.Context, since id.Transaction, after id.User, limit int) (chains []tokens.Chain, err error) {
	recent, err := list(ctx, t, scanPosted, query{in: ledgerIn, filter: d("_id", d("$gte", uuid(since))), fields: d("user_id", 1, "seq", 1)})
	if err != nil {
		return nil, err
	}
	recent = slices.DeleteFunc(recent, func(c tokens.Chain) bool { return c.Last.UserID.Compare(after) <= 0 })
	for page := range slices.Chunk(lastOfEach(recent), max(limit, 1)) {
		if len(chains) >= limit {
			break
		}
		if err := t.findSeals(ctx, page); err != nil {
			return nil, err
		}
		chains = append(chains, slices.DeleteFunc(page, func(c tokens.Chain) bool { return c.Last.Seq >= c.Posted })...)
	}
	return chains[:min(len(chains), limit)], nil
}

// Following sends a command for each chain. MongoDB would plan one with $or for each of its parts.
func (repo tokensRepository) Following(
	ctx context.Context, chains []tokens.Chain, limit int,
) (lines []tokens.Transaction, err error) {
	err = repo.read(ctx, func(t *txn) error {
		for _, c := range chains {
			of, err := listPage(ctx, t, transactions.scan, limit-len(lines), query{
				in: ledgerIn, filter: d("user_id", uuid(c.Last.UserID), "seq", d("$gt", c.Last.Seq, "$lte", c.Posted)), sort: d("seq", 1),
			})
			if err != nil {
				return err
			}
			lines = append(lines, of...)
		}
		return nil
	})
	return lines, err
}

// lastOfEach returns the chains with the greatest seq of each user, in ascending order of user id.
func lastOfEach(chains []tokens.Chain) []tokens.Chain {
	slices.SortFunc(chains, func(a, b tokens.Chain) int {
		if order := a.Last.UserID.Compare(b.Last.UserID); order != 0 {
			return order
		}
		return int(min(max(b.Posted-a.Posted, -1), 1))
	})
	return slices.CompactFunc(chains, func(a, b tokens.Chain) bool { return a.Last.UserID == b.Last.UserID })
}

// findSeals sets the last seals of chains. In most chains the last transaction is sealed, so it
// looks for these seals first, all together.
func (t *txn) findSeals(ctx context.Context, chains []tokens.Chain) error {
	keys := make(bson.A, len(chains))
	for i, c := range chains {
		keys[i] = sealKey(c.Last.UserID, c.Posted)
	}
	if len(keys) == 0 {
		return nil
	}
	found, err := list(ctx, t, seals.scan, query{in: sealsIn, filter: d("_id", d("$in", keys))})
	if err != nil {
		return err
	}
	last := make(map[id.User]tokens.Seal, len(found))
	for _, s := range found {
		last[s.UserID] = s
	}
	for i, c := range chains {
		s, sealed := last[c.Last.UserID]
		if !sealed && c.Posted > 0 {
			before, err := list(ctx, t, seals.scan, query{
				in: sealsIn, sort: d("_id", -1), limit: 1,
				filter: d("_id", d("$gte", sealKey(c.Last.UserID, 0), "$lte", sealKey(c.Last.UserID, math.MaxInt64))),
			})
			if err != nil {
				return err
			}
			sealed = len(before) > 0
			if sealed {
				s = before[0]
			}
		}
		if sealed {
			chains[i].Last = s
		}
	}
	return nil
}

// Seal sends the seals immediately: a duplicate is a lost race.
func (repo tokensRepository) Seal(ctx context.Context, all ...tokens.Seal) error {
	return repo.write(ctx, func(t *txn) error {
		for _, s := range all {
			t.later(sealsIn, inserting(seals.doc(s)))
		}
		return t.flush(ctx, sealsIn)
	})
}

// sealBefore seals the transactions from before there were seals, and notes it with the version that
// brought the seals. It may be interrupted and run again.
func (s *Store) sealBefore(ctx context.Context) error {
	if n, err := s.in(versionsIn).CountDocuments(ctx, d("_id", sealedSince, "sealed", true)); err != nil || n > 0 {
		return translate(ctx, err)
	}
	switch err := s.in(ledgerIn).FindOne(ctx, bson.D{}).Err(); {
	case errors.Is(err, mongo.ErrNoDocuments):
	case err != nil:
		return translate(ctx, err)
	default:
		if err := s.sealAll(ctx); err != nil {
			return fmt.Errorf("seal the ledger: %w", err)
		}
	}
	_, err := s.in(versionsIn).UpdateOne(ctx, d("_id", sealedSince), d("$set", d("sealed", true)))
	return translate(ctx, err)
}

// sealAll opens the store like a server, seals the ledger, and closes the store.
func (s *Store) sealAll(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, s.Close(context.WithoutCancel(ctx))) }()
	if err := s.check(ctx); err != nil {
		return err
	}
	sealer, err := tokens.NewSealer(ports.ForTokens(ports.NewStore(s, uow.Policy{})), nil, tokens.DefaultPolicy())
	if err != nil {
		return err
	}
	return sealer.SealAll(ctx)
}

// sealedSince is the version of the schema that brought the seals.
const sealedSince = int64(12)
