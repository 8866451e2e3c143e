package mongodbtest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
)

// TestSilentShard leaves the commands of one shard without a response: those on one collection, or
// the commits. Every request ends within 5 s, also if it waits for others, with an error for which
// a client tries again.
func TestSilentShard(t *testing.T) {
	t.Parallel()
	const limit = 5 * time.Second
	for name, silent := range map[string]func(c mongofake.Command) bool{
		"wallets":       func(c mongofake.Command) bool { return c.Collection == "wallets" || c.Name == "abortTransaction" },
		"conversations": func(c mongofake.Command) bool { return c.Collection == "conversations" },
		"commits":       func(c mongofake.Command) bool { return c.Name == "commitTransaction" || c.Name == "abortTransaction" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := startCluster(t, mongofake.Config{TransactionLifetime: 15 * time.Second})
			w := s.populated(t, 1)
			pair := w.pairs[0]
			heal := s.fake.Inject(mongofake.Fault{Match: silent, Delay: time.Hour, Times: -1})
			requests := map[string]func(ctx context.Context) error{
				"a wallet": func(ctx context.Context) error {
					_, err := w.Reservations.Funds(ctx, pair.Voyager)
					return err
				},
				"a page": func(ctx context.Context) error {
					_, err := w.Messaging.Conversations(ctx, pair.Voyager, page.Request[page.Moment]{})
					return err
				},
			}
			for _, key := range []idempotency.Key{"", "one", "two", "one"} {
				requests["a message with the key "+string(key)] = func(ctx context.Context) error {
					_, err := w.Messaging.Send(ctx, pair.Voyager, pair.Talk, messaging.Draft{Content: "hello"}, key)
					return err
				}
			}
			var all sync.WaitGroup
			for request, do := range requests {
				all.Go(func() {
					for range 2 {
						began := time.Now()
						err := do(t.Context())
						if took := time.Since(began); took > limit {
							t.Errorf("%s took %v, want at most %v: %v", request, took, limit, err)
						}
						if err != nil && !errors.Is(err, fault.Unavailable) {
							t.Errorf("%s: %v", request, err)
						}
					}
				})
			}
			all.Wait()
			heal()
		})
	}
}
