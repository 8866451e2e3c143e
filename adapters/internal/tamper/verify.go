package tamper

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// Verify measures how long it takes to seal 100,000 transactions of 1,000 wallets in an empty store,
// and how long an audit of them takes.
func Verify(b *testing.B, c *community.Community) {
	b.Helper()
	const people, each = 1_000, 100
	ctx, ids := context.Background(), id.NewGenerator(nil)
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	for i := range people {
		u, err := c.Users.Register(ctx, users.SignUp{Name: "Ada", Email: fmt.Sprintf("ada%d@example.org", i), Password: community.Password})
		must(err)
		var entries []tokens.Entry
		for range each - 1 {
			entries = append(entries, tokens.Entry{
				ID: id.Transaction(ids.Next()), UserID: u.ID, Amount: 1, Type: tokens.Bonus, Reason: "a reason",
				Metadata: tokens.Reference("no", u.ID), CreatedAt: time.UnixMilli(1_900_000_000_000).UTC(),
			})
		}
		must(c.Store.Do(ctx, func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Tokens().Post(ctx, entries...)
			return err
		}))
	}
	began := time.Now()
	must(c.Sealer.SealAll(ctx))
	sealing := time.Since(began)
	for b.Loop() {
		found, err := c.Auditor.Audit(ctx)
		must(err)
		if found.Transactions != people*each || found.Unsealed != 0 || len(found.Violations) > 0 {
			b.Fatalf("the audit found %+v", found)
		}
	}
	b.ReportMetric(sealing.Seconds(), "s-sealing")
}
