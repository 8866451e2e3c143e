// Package tamper changes the ledgers of stores behind their adapters' backs, and tests that audits
// find each change. It is for the tests of adapters.
package tamper

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// Backdoor writes rows of ports.TokenTransactions and ports.LedgerSeals without the adapter and
// without the rules of the store.
type Backdoor interface {
	// Remove removes the row with a key.
	Remove(ctx context.Context, table *ports.Table, key []any) error

	// Insert adds a row.
	Insert(ctx context.Context, table *ports.Table, row ports.Row) error
}

const (
	wallets = 40
	lines   = 12 // of each wallet
)

// ledger holds the rows of the ledger and of its seals, as they were sealed.
type ledger struct {
	people  []id.User
	wallets map[id.User]id.Wallet
	lines   map[id.User][]ports.Row
	seals   map[id.User][]ports.Row
}

// Find makes n random changes of an empty store's ledger, one of each wallet at a time, and fails
// the test if an audit misses one of them. It then undoes them.
func Find(ctx context.Context, t *testing.T, c *community.Community, door Backdoor, n int) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	l, err := fill(ctx, c)
	must(err)
	seed := rand.Uint64()
	t.Logf("the seed is %d", seed)
	r := rand.New(rand.NewPCG(seed, 0)) // #nosec G404 -- not for secrets
	done := map[string]int{}
	for made := 0; made < n; {
		var changes []change
		for i := range min(wallets, n-made) {
			changes = append(changes, l.change(r, l.people[i]))
		}
		for _, change := range changes {
			must(change.apply(ctx, door, change.old, change.new))
		}
		found, err := c.Auditor.Audit(ctx)
		must(err)
		for _, change := range changes {
			done[change.kind]++
			if !slices.ContainsFunc(found.Violations, change.isFound) {
				t.Errorf("%s of %s was not found: %v became %v", change.kind, change.user, change.old, change.new)
			}
		}
		for _, change := range slices.Backward(changes) {
			must(change.apply(ctx, door, change.new, change.old))
		}
		made += len(changes)
	}
	found, err := c.Auditor.Audit(ctx)
	must(err)
	if len(found.Violations) > 0 || found.Unsealed > 0 {
		t.Errorf("after all changes were undone, the audit found %+v", found)
	}
	t.Attr("counts", fmt.Sprintf("changes found: %d, of kinds: %d", n, len(done)))
}

// fill posts transactions to new wallets and seals them.
func fill(ctx context.Context, c *community.Community) (*ledger, error) {
	l := &ledger{wallets: map[id.User]id.Wallet{}, lines: map[id.User][]ports.Row{}, seals: map[id.User][]ports.Row{}}
	ids := id.NewGenerator(nil)
	for i := range wallets {
		u, err := c.Users.Register(ctx, users.SignUp{Name: "Ada", Email: fmt.Sprintf("ada%d@example.org", i), Password: community.Password})
		if err != nil {
			return nil, err
		}
		var entries []tokens.Entry
		for n := range lines - 1 {
			entries = append(entries, tokens.Entry{
				ID: id.Transaction(ids.Next()), UserID: u.ID, Amount: int64(n + 1), Type: tokens.Bonus, Reason: fmt.Sprint("no. ", n),
				Metadata: tokens.Reference("no", u.ID), CreatedAt: time.UnixMilli(1_900_000_000_000 + int64(n)).UTC(),
			})
		}
		err = c.Store.Do(ctx, func(ctx context.Context, tx ports.Tx) error {
			w, err := tx.Tokens().Wallet(ctx, u.ID)
			if err != nil {
				return err
			}
			l.wallets[u.ID] = w.ID
			_, err = tx.Tokens().Post(ctx, entries...)
			return err
		})
		if err != nil {
			return nil, err
		}
		l.people = append(l.people, u.ID)
	}
	if err := c.Sealer.SealAll(ctx); err != nil {
		return nil, err
	}
	return l, c.Store.Snapshot(ctx, func(ctx context.Context, tx ports.Tx) error {
		for table, into := range map[*ports.Table]map[id.User][]ports.Row{ports.TokenTransactions: l.lines, ports.LedgerSeals: l.seals} {
			for row, err := range ports.Scan(ctx, tx.Rows(), table, nil, 0) {
				if err != nil {
					return err
				}
				user, _ := row[0].([16]byte)
				into[user] = append(into[user], row)
			}
		}
		return nil
	})
}
