package sqlitetest

import (
	"context"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
)

// TestFailedSend sends messages that share transactions, some of which SQLite refuses after their
// payment was written. Only those are lost, although a send in one step has no savepoint.
func TestFailedSend(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "cicerone.db")
	mustOpen(t, path).close(t)
	if _, err := rawDB(t, path).Exec(`CREATE TRIGGER refused BEFORE INSERT ON messages WHEN NEW.content = 'refused'
		BEGIN SELECT RAISE(ABORT, 'refused'); END`); err != nil {
		t.Fatal(err)
	}
	o := mustOpen(t, path)
	defer o.close(t)
	_, pairs, err := o.Populate(ctx, 8)
	if err != nil {
		t.Fatal(err)
	}
	const each = 9 // a third of which is refused
	var all sync.WaitGroup
	for _, p := range pairs {
		for n := range each {
			all.Go(func() {
				content, key := "hello", idempotency.Key("")
				if n%3 == 0 {
					content = "refused"
				}
				if n%2 == 0 {
					key = idempotency.Key("key-" + strconv.Itoa(n))
				}
				_, err := o.Messaging.Send(ctx, p.Voyager, p.Talk, messaging.Draft{Content: content}, key)
				if (err != nil) != (content == "refused") {
					t.Errorf("the send of %q returned %v", content, err)
				}
			})
		}
	}
	all.Wait()
	for _, p := range pairs {
		sent, err := o.Messaging.Messages(ctx, p.Voyager, p.Talk, page.Request[page.Moment]{})
		if want := each * 2 / 3; err != nil || len(sent.Items) != want {
			t.Errorf("a conversation has %d messages, want %d: %v", len(sent.Items), want, err)
		}
	}
	found, err := o.Auditor.Audit(ctx)
	if err != nil || len(found.Violations) > 0 {
		t.Errorf("the audit found %+v: %v", found.Violations, err)
	}
}
