package workload

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/uow"
)

// Keyless sends messages without a key, each once, and records the results. It is safe for
// concurrent use.
type Keyless struct {
	*community.Community
	Pair community.Pair

	mu      sync.Mutex
	results []error
}

// Send sends the next message.
func (k *Keyless) Send(ctx context.Context) error {
	k.mu.Lock()
	n := len(k.results)
	k.results = append(k.results, nil)
	k.mu.Unlock()
	_, err := k.Messaging.Send(ctx, k.Pair.Voyager, k.Pair.Talk, messaging.Draft{Content: k.text(n)}, "")
	k.mu.Lock()
	defer k.mu.Unlock()
	k.results[n] = err
	return err
}

// text includes the conversation, because several Keyless may share a store.
func (k *Keyless) text(n int) string { return fmt.Sprintf("keyless-%v-%d", k.Pair.Talk, n) }

// Judge fails the test if a message was saved twice, or if its presence contradicts the result of
// Send. It returns the number of messages with an unknown outcome, and the number of those that
// were saved.
func (k *Keyless) Judge(t testing.TB) (unknown, done int) {
	t.Helper()
	effects := Effects(t, k.Community)
	for n, err := range k.results {
		times := effects[k.text(n)]
		switch {
		case errors.Is(err, uow.ErrOutcomeUnknown):
			unknown++
			done += times
			if times > 1 {
				t.Errorf("a message with an unknown outcome was saved %d times", times)
			}
		case err == nil && times != 1:
			t.Errorf("a message was acknowledged, and saved %d times", times)
		case err != nil && times != 0:
			t.Errorf("a message was saved %d times, but Send returned %v", times, err)
		case err != nil && !errors.Is(err, fault.Unavailable) && !errors.Is(err, context.Canceled):
			t.Errorf("Send returned %v, want fault.Unavailable", err)
		}
	}
	return unknown, done
}
