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

// Keyless sends messages without a key, each once, and remembers what it was told. It is safe for concurrent use.
type Keyless struct {
	*community.Community
	Pair community.Pair

	mu   sync.Mutex
	told []error
}

// Send sends the next message.
func (k *Keyless) Send(ctx context.Context) error {
	k.mu.Lock()
	n := len(k.told)
	k.told = append(k.told, nil)
	k.mu.Unlock()
	_, err := k.Messaging.Send(ctx, k.Pair.Voyager, k.Pair.Talk, messaging.Draft{Content: k.text(n)}, "")
	k.mu.Lock()
	defer k.mu.Unlock()
	k.told[n] = err
	return err
}

// text names the pair, too: several of these may be at work.
func (k *Keyless) text(n int) string { return fmt.Sprintf("keyless-%v-%d", k.Pair.Talk, n) }

// Judge fails the test where a message was sent twice, or is not what Send has said of it: there, not there, or unknown. It
// counts those that were unknown, and how many of them are there.
func (k *Keyless) Judge(t testing.TB) (unknown, done int) {
	t.Helper()
	there := Effects(t, k.Community)
	for n, err := range k.told {
		times := there[k.text(n)]
		switch {
		case errors.Is(err, uow.ErrOutcomeUnknown):
			unknown++
			done += times
			if times > 1 {
				t.Errorf("a message whose outcome was unknown is there %d times", times)
			}
		case err == nil && times != 1:
			t.Errorf("a message was acknowledged, and is there %d times", times)
		case err != nil && times != 0:
			t.Errorf("a message is there %d times, and its sender was told %v", times, err)
		case err != nil && !errors.Is(err, fault.Unavailable) && !errors.Is(err, context.Canceled):
			t.Errorf("a message was refused with %v, want a fault.Unavailable", err)
		}
	}
	return unknown, done
}
