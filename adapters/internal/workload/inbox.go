package workload

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// Inbox records the events that a subscriber handles, while servers and processes fail. Make one for
// a store to which no relay has delivered events.
type Inbox struct {
	mu       sync.Mutex
	seen     map[id.Event]bool
	last     map[events.Aggregate]int64
	facts    map[string]bool // what the events say, in the words of facts
	repeated int             // events that were handled again
	failures []string        // events in the wrong order, or with another fact than before
}

// Handle is the function of a subscriber.
func (b *Inbox) Handle(_ context.Context, e events.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.seen == nil {
		b.seen, b.last, b.facts = map[id.Event]bool{}, map[events.Aggregate]int64{}, map[string]bool{}
	}
	if b.seen[e.ID] {
		b.repeated++
		return nil
	}
	if last, some := b.last[e.Aggregate]; some && e.Seq < last {
		b.failures = append(b.failures, fmt.Sprintf("the event %s %d of %s came after %d", e.Type, e.Seq, e.Aggregate, last))
	}
	b.seen[e.ID], b.last[e.Aggregate] = true, e.Seq
	if fact := factOf(e); fact != "" {
		if b.facts[fact] {
			b.failures = append(b.failures, "two events say: "+fact)
		}
		b.facts[fact] = true
	}
	return nil
}

// factOf returns what an event says in the words of facts, or "" if those do not have its type.
func factOf(e events.Event) string {
	switch data := e.Data.(type) {
	case events.MessageSent:
		return fmt.Sprintf("message %s", data.MessageID)
	case events.WalletChanged:
		return fmt.Sprintf("transaction %s of %d, then %d", data.TransactionID, data.Amount, data.BalanceAfter)
	case events.ConversationOpened:
		return fmt.Sprintf("conversation %s", data.ConversationID)
	case events.ReservationProposed:
		return fmt.Sprintf("reservation %s, change %d", data.ReservationID, e.Seq)
	case events.ReservationAccepted:
		return fmt.Sprintf("reservation %s, change %d", data.ReservationID, e.Seq)
	case events.ReservationCancelled:
		return fmt.Sprintf("reservation %s, change %d", data.ReservationID, e.Seq)
	}
	return ""
}

// changes has the seqs of the events of a reservation of a Client when it has a status.
var changes = map[string][]int{
	string(reservations.Pending): {1}, string(reservations.Accepted): {1, 2}, string(reservations.Cancelled): {1, 2, 4},
}

// facts returns what the events of a store must say, from the rows of its other tables.
func facts(t testing.TB, c *community.Community) map[string]bool {
	t.Helper()
	facts := map[string]bool{}
	rows := func(table *ports.Table, each func(value func(column string) any)) {
		if err := eachRow(c.Store, table, each); err != nil {
			t.Fatal(err)
		}
	}
	rows(ports.Messages, func(value func(string) any) { facts["message "+uuid(value("id"))] = true })
	rows(ports.Conversations, func(value func(string) any) { facts["conversation "+uuid(value("id"))] = true })
	rows(ports.TokenTransactions, func(value func(string) any) {
		facts[fmt.Sprintf("transaction %s of %d, then %d", uuid(value("id")), value("amount"), value("balance_after"))] = true
	})
	rows(ports.Reservations, func(value func(string) any) {
		for _, seq := range changes[value("status").(string)] {
			facts[fmt.Sprintf("reservation %s, change %d", uuid(value("id")), seq)] = true
		}
	})
	return facts
}

// Judge waits until the inbox has the event of every change in the store, and fails the test if it
// does not have them within the limit, if it has an event of a change that the store does not have,
// or if those of an aggregate came in the wrong order. Meanwhile a relay runs, and nothing changes.
func (b *Inbox) Judge(t testing.TB, c *community.Community, limit time.Duration) {
	t.Helper()
	want := facts(t, c)
	Within(t, limit, func() error {
		b.mu.Lock()
		defer b.mu.Unlock()
		for fact := range want {
			if !b.facts[fact] {
				return fmt.Errorf("the subscriber has %d of %d facts; it has not got: %s", len(b.facts), len(want), fact)
			}
		}
		return nil
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	for fact := range b.facts {
		if !want[fact] {
			t.Errorf("the subscriber got what was rolled back: %s", fact)
		}
	}
	for _, failure := range b.failures {
		t.Error(failure)
	}
	b.failures = nil
}

// Counts returns the numbers of events, and of those that were handled again.
func (b *Inbox) Counts() (events, repeated int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.seen), b.repeated
}

// Deliver delivers the events of a store to handle, all from the first one, until stop is called. Its
// leases are short, so that the relay of the next process need not wait.
func Deliver(storage ports.Storage, lookEvery time.Duration, handle func(context.Context, events.Event) error, report func(error)) (stop func()) {
	policy := events.DefaultPolicy()
	policy.LookEvery, policy.FromOldest = lookEvery, true
	policy.HandleTime, policy.Lease = 100*time.Millisecond, 200*time.Millisecond
	policy.MinPause, policy.MaxPause = time.Millisecond, 10*time.Millisecond
	policy.BehindAfter = 100 * 365 * 24 * time.Hour // the clock of a community is another one
	notifier, _ := storage.(events.Notifier)
	relay, err := events.NewRelay(events.RelayDeps{
		Store: ports.ForEvents(ports.NewStore(storage, uow.Policy{})), Notifier: notifier, Policy: policy,
		Subscribers: []events.Subscriber{{Name: "inbox", Handle: handle}},
	})
	if err != nil {
		panic(err) // the policy is valid
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = relay.Run(ctx, report) // always nil
	}()
	return func() {
		cancel()
		<-ended
	}
}
