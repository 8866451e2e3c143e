package events_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/ports"
)

// directory is a source whose subscribers change.
type directory struct {
	mu   sync.Mutex
	list []events.Subscriber
	err  error
}

func (d *directory) set(err error, list ...events.Subscriber) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list, d.err = list, err
}

func (d *directory) source(context.Context) ([]events.Subscriber, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.list, d.err
}

// subscribe adds a subscription, as the unit of work does that adds the subscriber.
func (o *office) subscribe(name string) {
	o.Helper()
	o.do(func(ctx context.Context, tx ports.Tx) error {
		b, err := tx.Events().Backlog(ctx)
		if err != nil {
			return err
		}
		_, err = tx.Subscriptions().Subscribe(ctx, events.Subscription{Name: name, State: events.Active, Since: now(), Position: b.Highest})
		return err
	})
}

func (o *office) sourced(d *directory, fixed ...events.Subscriber) *events.Relay {
	o.Helper()
	r, err := events.NewRelay(events.RelayDeps{Store: ports.ForEvents(o.store), Policy: o.policy, Subscribers: fixed, Source: d.source})
	if err != nil {
		o.Fatal(err)
	}
	return r
}

func TestSubscribersOfASource(t *testing.T) {
	inOffice(t, func(o *office) {
		var fixed, first, second, changed inbox
		var d directory
		user := id.User(o.ids.Next())
		r := o.sourced(&d, fixed.as("fixed"))
		defer o.run(r)()
		o.add(user, 1)
		time.Sleep(2 * time.Second)
		d.set(nil, first.as("first"), second.as("second"))
		o.subscribe("first") // and not second
		time.Sleep(2 * time.Second)
		o.add(user, 2)
		time.Sleep(2 * time.Second)
		d.set(nil, changed.as("first"))
		time.Sleep(2 * time.Second)
		o.add(user, 3)
		time.Sleep(2 * time.Second)
		o.do(func(ctx context.Context, tx ports.Tx) error { return tx.Subscriptions().Drop(ctx, "first") })
		o.add(user, 4)
		r.Wake()
		time.Sleep(2 * time.Second)
		d.set(nil)
		time.Sleep(2 * time.Second)
		o.add(user, 5)
		time.Sleep(2 * time.Second)
		o.want(&fixed, 1, 2, 3, 4, 5)
		o.want(&first, 2)
		o.want(&second)
		o.want(&changed, 3)
		o.quiet()
	}) // synctest fails if a goroutine is left
}

// A subscriber that is dropped while it handles an event: its context ends.
func TestSubscriberIsDroppedWhileItHandles(t *testing.T) {
	inOffice(t, func(o *office) {
		var d directory
		var ended time.Time
		o.subscribe("slow")
		d.set(nil, events.Subscriber{Name: "slow", Handle: func(ctx context.Context, _ events.Event) error {
			<-ctx.Done()
			ended = time.Now()
			return ctx.Err()
		}})
		defer o.run(o.sourced(&d))()
		o.add(id.User(o.ids.Next()), 1)
		time.Sleep(time.Second)
		o.do(func(ctx context.Context, tx ports.Tx) error { return tx.Subscriptions().Drop(ctx, "slow") })
		d.set(nil)
		begun := time.Now()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if took := ended.Sub(begun); ended.IsZero() || took > time.Second {
			t.Errorf("the context ended after %v", took)
		}
		o.quiet()
	})
}

// A source that fails, or that has invalid subscribers, stops no other subscriber.
func TestSourceFails(t *testing.T) {
	inOffice(t, func(o *office) {
		var fixed, sourced inbox
		var d directory
		user := id.User(o.ids.Next())
		o.subscribe("sourced")
		d.set(nil, sourced.as("sourced"))
		defer o.run(o.sourced(&d, fixed.as("fixed")))()
		crowd := make([]events.Subscriber, events.MaxSourced+1)
		for i := range crowd {
			crowd[i] = sourced.as(fmt.Sprintf("crowd-%d", i))
		}
		for i, set := range []func(){
			func() { d.set(errors.New("the source is dry")) },
			func() { d.set(nil, sourced.as("sourced"), sourced.as("fixed")) },
			func() { d.set(nil, crowd...) },
		} {
			set()
			time.Sleep(30 * time.Second)
			o.add(user, int64(i+1))
			time.Sleep(30 * time.Second)
		}
		o.want(&fixed, 1, 2, 3)
		o.want(&sourced, 1, 2, 3)
		o.reported("the source is dry")
		o.reported("must not be the name of another subscriber")
		o.reported("the source has 1001 subscribers")
		if kept := o.kept(); len(kept) != 0 {
			t.Errorf("kept the events %v, which all have handled", kept)
		}
	})
}
