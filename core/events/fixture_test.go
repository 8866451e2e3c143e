package events_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// office is a store whose events are delivered.
type office struct {
	*testing.T
	storage ports.Storage
	store   *ports.Store
	ids     *id.Generator
	policy  events.Policy

	mu      sync.Mutex
	reports []string
}

func inOffice(t *testing.T, test func(o *office)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		o := &office{T: t, storage: storage, policy: events.DefaultPolicy(), ids: id.NewGenerator(nil)}
		o.policy.Keep = 0
		o.store = ports.NewStore(storage, uow.Policy{})
		test(o)
	})
}

// do runs a unit of work.
func (o *office) do(fn func(ctx context.Context, tx ports.Tx) error) {
	o.Helper()
	if err := o.store.Do(context.Background(), fn); err != nil {
		o.Fatal(err)
	}
}

// add commits an event of a wallet for each amount, in one unit.
func (o *office) add(user id.User, seqs ...int64) {
	o.Helper()
	o.do(func(ctx context.Context, tx ports.Tx) error {
		for _, seq := range seqs {
			if err := events.Add(ctx, tx, o.ids, time.Now(), seq, events.WalletChanged{UserID: user, Amount: seq}); err != nil {
				return err
			}
		}
		return nil
	})
}

// relay returns a relay over the store.
func (o *office) relay(subscribers ...events.Subscriber) *events.Relay {
	o.Helper()
	r, err := events.NewRelay(events.RelayDeps{Store: ports.ForEvents(o.store), Policy: o.policy, Subscribers: subscribers})
	if err != nil {
		o.Fatal(err)
	}
	return r
}

// run runs a relay until the returned function is called, which waits until it has ended. It
// returns after the subscriptions were added.
func (o *office) run(r *events.Relay) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := r.Run(ctx, o.report); err != nil {
			o.Error(err)
		}
	}()
	synctest.Wait()
	return func() {
		cancel()
		<-ended
	}
}

func (o *office) report(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reports = append(o.reports, err.Error())
}

// reported fails the test unless an error with the text was reported.
func (o *office) reported(text string) {
	o.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.ContainsFunc(o.reports, func(r string) bool { return strings.Contains(r, text) }) {
		o.Errorf("no error with %q was reported, but %q", text, o.reports)
	}
}

// quiet fails the test if an error was reported.
func (o *office) quiet() {
	o.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.reports) > 0 {
		o.Errorf("reported: %q", o.reports)
	}
}

func (o *office) subscription(name string) (s events.Subscription) {
	o.Helper()
	o.do(func(ctx context.Context, tx ports.Tx) (err error) {
		s, err = tx.Subscriptions().Subscription(ctx, name)
		return err
	})
	return s
}

func (o *office) aside() (list []events.SetAside) {
	o.Helper()
	o.do(func(ctx context.Context, tx ports.Tx) (err error) {
		list, err = tx.Subscriptions().Aside(ctx, events.AsideFilter{}, nil, 100)
		return err
	})
	return list
}

// kept returns the positions of the events that are numbered and not removed.
func (o *office) kept() (positions []int64) {
	o.Helper()
	o.do(func(ctx context.Context, tx ports.Tx) error {
		positions = nil
		list, err := tx.Events().After(ctx, 0, 10_000)
		for _, e := range list {
			positions = append(positions, e.Position)
		}
		return err
	})
	return positions
}

// inbox is what a subscriber has handled.
type inbox struct {
	mu   sync.Mutex
	seqs []int64 // of the events, in the order in which they were handled
	all  []events.Event
	fail func(e events.Event, times int) error // nil for success
	runs map[id.Event]int
}

func (b *inbox) handle(_ context.Context, e events.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.runs == nil {
		b.runs = map[id.Event]int{}
	}
	b.runs[e.ID]++
	if b.fail != nil {
		if err := b.fail(e, b.runs[e.ID]); err != nil {
			return err
		}
	}
	b.seqs, b.all = append(b.seqs, e.Seq), append(b.all, e)
	return nil
}

func (b *inbox) got() []int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.seqs)
}

func (b *inbox) as(name string, types ...events.Type) events.Subscriber {
	return events.Subscriber{Name: name, Types: types, Handle: b.handle}
}

func (o *office) want(b *inbox, seqs ...int64) {
	o.Helper()
	if got := b.got(); !slices.Equal(got, seqs) {
		o.Errorf("handled %v, want %v", got, seqs)
	}
}

var errBroken = errors.New("broken")

func failing(seq int64) func(events.Event, int) error {
	return func(e events.Event, _ int) error {
		if e.Seq == seq {
			return fmt.Errorf("the letter to ada@example.com: %w", errBroken)
		}
		return nil
	}
}

func now() time.Time { return clock.Truncate(time.Now()) }
