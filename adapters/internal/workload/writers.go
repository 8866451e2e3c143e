package workload

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// Writers send long messages, eight concurrently, and record the results.
type Writers struct {
	*community.Community
	Pairs []community.Pair

	Acknowledged map[idempotency.Key]bool
	Refused      []idempotency.Key // failed with fault.Unavailable, and not repeated yet
	sent         int
}

// Send sends n messages.
func (w *Writers) Send(t testing.TB, n int) {
	t.Helper()
	var keys []idempotency.Key
	for range n {
		w.sent++
		keys = append(keys, idempotency.Key(fmt.Sprintf("message-%d", w.sent)))
	}
	w.try(t, keys)
}

// Repeat sends the refused messages again. It fails the test unless all succeed.
func (w *Writers) Repeat(t testing.TB) {
	t.Helper()
	keys := w.Refused
	w.Refused = nil
	w.try(t, keys)
	if len(w.Refused) > 0 {
		t.Fatalf("%d of %d messages were refused again", len(w.Refused), len(keys))
	}
}

func (w *Writers) try(t testing.TB, keys []idempotency.Key) {
	t.Helper()
	answers := make(chan func(), len(keys))
	turns := make(chan struct{}, 8)
	for _, key := range keys {
		p := w.Pairs[int(key[len(key)-1])%len(w.Pairs)] // the same for the same key
		turns <- struct{}{}
		go func() {
			draft := messaging.Draft{Content: string(key) + strings.Repeat(" and so on", 450)}
			_, err := w.Messaging.Send(context.Background(), p.Voyager, p.Talk, draft, key)
			<-turns
			answers <- func() {
				switch {
				case err == nil:
					if w.Acknowledged == nil {
						w.Acknowledged = map[idempotency.Key]bool{}
					}
					w.Acknowledged[key] = true
				case errors.Is(err, fault.Unavailable):
					w.Refused = append(w.Refused, key)
				default:
					t.Errorf("Send returned %v, want fault.Unavailable", err)
				}
			}
		}()
	}
	for range keys {
		(<-answers)()
	}
}

// Read runs several queries, which must succeed while writes fail.
func (w *Writers) Read(t testing.TB, storage ports.Storage) {
	t.Helper()
	ctx := context.Background()
	if err := storage.Ping(ctx); err != nil {
		t.Errorf("ping: %v", err)
	}
	for _, p := range w.Pairs {
		if _, err := w.Messaging.Conversations(ctx, p.Local, page.Request[page.Moment]{}); err != nil {
			t.Errorf("conversations: %v", err)
		}
		e, err := w.Privacy.Export(ctx, users.Caller{UserID: p.Voyager})
		if err == nil {
			_, err = page.Collect(e.Conversations)
		}
		if err != nil {
			t.Errorf("export: %v", err)
		}
	}
	Audit(t, w.Community)
	err := storage.Run(ctx, uow.Write, func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Users().Hold(ctx, w.Pairs[0].Local) // writes nothing
		return err
	})
	if err != nil && !errors.Is(err, fault.Unavailable) {
		t.Errorf("a unit that writes nothing: %v", err)
	}
}

// Judge fails the test for every acknowledged message that was not saved exactly once, and for
// every rule that the store breaks.
func (w *Writers) Judge(t testing.TB) {
	t.Helper()
	Audit(t, w.Community)
	effects := Effects(t, w.Community)
	for n := 1; n <= w.sent; n++ {
		key := idempotency.Key(fmt.Sprintf("message-%d", n))
		if times := effects[string(key)]; times > 1 || times == 0 && w.Acknowledged[key] {
			t.Errorf("%s was saved %d times, acknowledged: %v", key, times, w.Acknowledged[key])
		}
	}
}
