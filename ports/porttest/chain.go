package porttest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// chainTests tests the seals of the ledger.
var chainTests = []test{
	{"pages of chains hold each wallet once", chainPages},
	{"transactions that are not sealed are found by their time", unsealedFound},
	{"the transactions after the last seals are found", followingFound},
	{"a transaction is sealed once", sealedOnce},
	{"the sealer seals every transaction", allSealed},
	{"the last seal of a wallet is that of its own chain", ownChains},
	{"concurrent sealers do not fork a chain", concurrentSealers},
}

func (f *fixture) sealer() *tokens.Sealer {
	f.Helper()
	s, err := tokens.NewSealer(ports.ForTokens(f.store), nil, tokens.DefaultPolicy())
	if err != nil {
		f.Fatal(err)
	}
	return s
}

func (f *fixture) sealAll() {
	f.Helper()
	if err := f.sealer().SealAll(f.ctx); err != nil {
		f.Fatalf("seal all transactions: %v", err)
	}
}

// chainOf returns the seals that the transactions of a wallet must have.
func (f *fixture) chainOf(user id.User) (seals []tokens.Seal) {
	f.Helper()
	var last tokens.Seal
	for _, line := range f.ledger(user) {
		last = last.Next(line)
		seals = append(seals, last)
	}
	return seals
}

// seal adds the next seals of wallets.
func (f *fixture) seal(seals ...tokens.Seal) {
	f.Helper()
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Tokens().Seal(ctx, seals...) })
}

// sealed fails the test unless all transactions of a wallet have their seals. The last one depends on
// those before it.
func (f *fixture) sealed(user id.User) {
	f.Helper()
	chain := f.chainOf(user)
	for _, c := range f.chains() {
		if c.Last.UserID == user {
			f.same("the chain of a wallet", c, tokens.Chain{Last: chain[len(chain)-1], Posted: int64(len(chain))})
			return
		}
	}
	f.Errorf("the wallet of %s has no chain", user)
}

func (f *fixture) chains() []tokens.Chain {
	f.Helper()
	return read(f, func(ctx context.Context, tx ports.Tx) ([]tokens.Chain, error) {
		return tx.Tokens().Chains(ctx, id.User{}, 1000)
	})
}

func (f *fixture) unsealed(since id.Transaction) []tokens.Chain {
	f.Helper()
	return read(f, func(ctx context.Context, tx ports.Tx) ([]tokens.Chain, error) {
		return tx.Tokens().Unsealed(ctx, since, id.User{}, 1000)
	})
}

// chainPages also pages through the wallets whose transactions are not sealed.
func chainPages(f *fixture) {
	f.same("the chains of an empty store", len(f.chains())+len(f.unsealed(id.Transaction{})), 0)
	var all, open []tokens.Chain
	for i, u := range f.many(paged, "u") {
		for range i % 3 {
			f.post(u.ID, 1, tokens.Bonus)
		}
		c := tokens.Chain{Last: tokens.Seal{UserID: u.ID}, Posted: int64(i % 3)}
		if i%2 == 0 && i%3 > 0 {
			c.Last = f.chainOf(u.ID)[0]
			f.seal(c.Last)
		}
		all = append(all, c)
		if c.Last.Seq < c.Posted {
			open = append(open, c)
		}
	}
	for _, list := range []struct {
		name string
		want []tokens.Chain
		read func(ctx context.Context, tx ports.Tx, after id.User, limit int) ([]tokens.Chain, error)
	}{
		{"chains", all, func(ctx context.Context, tx ports.Tx, after id.User, limit int) ([]tokens.Chain, error) {
			return tx.Tokens().Chains(ctx, after, limit)
		}},
		{"chains that are not sealed", open, func(ctx context.Context, tx ports.Tx, after id.User, limit int) ([]tokens.Chain, error) {
			return tx.Tokens().Unsealed(ctx, id.Transaction{}, after, limit)
		}},
	} {
		slices.SortFunc(list.want, func(a, b tokens.Chain) int { return a.Last.UserID.Compare(b.Last.UserID) })
		pages(f, list.name, list.want, func(c tokens.Chain) id.User { return c.Last.UserID },
			func(ctx context.Context, tx ports.Tx, after *id.User, limit int) ([]tokens.Chain, error) {
				if after == nil {
					after = new(id.User)
				}
				return list.read(ctx, tx, *after, limit)
			})
	}
}

func unsealedFound(f *fixture) {
	ada, ben := f.user("ada"), f.user("ben")
	var lines []tokens.Transaction
	for _, u := range []id.User{ada.ID, ben.ID, ada.ID} {
		lines = append(lines, f.post(u, 1, tokens.Bonus).Transaction)
	}
	chain := f.chainOf(ada.ID)
	users := func(since id.Transaction) []id.User {
		var all []id.User
		for _, c := range f.unsealed(since) {
			all = append(all, c.Last.UserID)
		}
		return all
	}
	both := []id.User{ada.ID, ben.ID}
	slices.SortFunc(both, id.User.Compare)
	after := id.Transaction(f.ids.Next())
	sameList(f, "the users since the beginning", users(id.Transaction{}), both)
	sameList(f, "the users since the second transaction", users(lines[1].ID), both)
	sameList(f, "the users since the third transaction", users(lines[2].ID), []id.User{ada.ID})
	sameList(f, "the users since later", users(after), nil)
	f.seal(chain[0])
	sameList(f, "the users since the beginning, after the first seal", users(id.Transaction{}), both)
	sameList(f, "the chain of Ada", f.unsealed(lines[2].ID), []tokens.Chain{{Last: chain[0], Posted: 2}})
	f.seal(chain[1])
	sameList(f, "the users since the beginning, after the second seal", users(id.Transaction{}), []id.User{ben.ID})
	f.post(ada.ID, 1, tokens.Bonus)
	sameList(f, "the users since later, after a further transaction", users(after), []id.User{ada.ID})
}

// followingFound has chains without seals, with some of them and with all, and a wallet that is in no
// chain.
func followingFound(f *fixture) {
	people := f.many(5, "u")
	slices.SortFunc(people, func(a, b users.User) int { return a.ID.Compare(b.ID) })
	var chains []tokens.Chain
	var want []tokens.Transaction
	for i, u := range people {
		for n := range 4 {
			f.post(u.ID, int64(1+n), tokens.Bonus)
		}
		if i == 2 {
			continue
		}
		from, to := int64(i), int64(4)
		if i == 0 {
			to = 2 // the others were posted later
		}
		chains = append(chains, tokens.Chain{Last: tokens.Seal{UserID: u.ID, Seq: from}, Posted: to})
		want = append(want, f.ledger(u.ID)[from:to]...)
	}
	for limit := -1; limit <= len(want)+1; limit++ {
		got := read(f, func(ctx context.Context, tx ports.Tx) ([]tokens.Transaction, error) {
			return tx.Tokens().Following(ctx, chains, limit)
		})
		sameList(f, fmt.Sprintf("%d transactions", limit), got, want[:min(max(limit, 0), len(want))])
	}
	none := read(f, func(ctx context.Context, tx ports.Tx) ([]tokens.Transaction, error) {
		return tx.Tokens().Following(ctx, nil, 10)
	})
	f.same("the transactions of no chain", len(none), 0)
}

func sealedOnce(f *fixture) {
	ada, ben := f.rich("ada", 10), f.rich("ben", 10)
	f.post(ada.ID, 1, tokens.Bonus)
	adas, bens := f.chainOf(ada.ID), f.chainOf(ben.ID)
	f.seal(adas[0])
	before := f.dump()
	forged := adas[0]
	forged.Hash[0]++
	for what, again := range map[string][]tokens.Seal{
		"the same seal again": {adas[0]}, "another seal of the same transaction": {forged},
		"a seal of another wallet before it": {bens[0], forged}, "a further seal after it": {forged, adas[1]},
	} {
		err := f.once(func(ctx context.Context, tx ports.Tx) error { return tx.Tokens().Seal(ctx, again...) })
		if !errors.Is(err, uow.ErrConflict) {
			f.Errorf("%s returned %v, want %v", what, err, uow.ErrConflict)
		}
		f.unchanged(what, before)
	}
	f.seal(adas[1], bens[0])
	f.sealed(ada.ID)
	f.sealed(ben.ID)
}

// allSealed also has more transactions than the sealer seals in one unit.
func allSealed(f *fixture) {
	ada, ben := f.user("ada"), f.rich("ben", 10)
	f.user("cleo")
	for range 6 {
		var entries []tokens.Entry
		for range 100 {
			entries = append(entries, f.newEntry(ada.ID, 1, tokens.Bonus))
		}
		f.do(func(ctx context.Context, tx ports.Tx) error { return post(ctx, tx, entries...) })
	}
	f.sealAll()
	f.sealed(ada.ID)
	f.sealed(ben.ID)
	f.audited()
	// A closed wallet is sealed like any other.
	f.do(func(ctx context.Context, tx ports.Tx) error {
		return tokens.NewLedger(f.ids).Close(ctx, tx, ben.ID, noon)
	})
	f.sealAll()
	f.sealed(ben.ID)
	before := f.dump()
	f.sealAll()
	f.unchanged("sealing without new transactions", before)
}

// ownChains finds a store that mixes up the chains of users whose ids follow each other.
func ownChains(f *fixture) {
	people := f.many(5, "u")
	for i, u := range people {
		for range 4 - i {
			f.post(u.ID, 1, tokens.Bonus)
		}
	}
	f.sealAll()
	for _, c := range f.chains() {
		var want tokens.Chain
		want.Last.UserID = c.Last.UserID
		if chain := f.chainOf(c.Last.UserID); len(chain) > 0 {
			want.Last, want.Posted = chain[len(chain)-1], int64(len(chain))
		}
		f.same("a chain", c, want)
	}
}

func concurrentSealers(f *fixture) {
	people := f.many(3, "u")
	each := rounds(10, 300)
	f.allConcurrently(8, func(i int) error {
		for n := range each {
			if i < 3 {
				if err := f.sealer().SealAll(f.ctx); err != nil {
					return fmt.Errorf("seal: %w", err)
				}
				continue
			}
			err := f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) error {
				return post(ctx, tx, f.newEntry(people[(i+n)%3].ID, 1, tokens.Bonus))
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	f.sealAll()
	for _, u := range people {
		f.sealed(u.ID)
	}
	f.audited()
}
