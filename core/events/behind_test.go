package events_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/ports"
)

func (o *office) begin(name string, position int64) {
	o.Helper()
	o.do(func(ctx context.Context, tx ports.Tx) error {
		begun, err := tx.Subscriptions().Begin(ctx, name, position, now())
		if !begun {
			o.Error("not begun")
		}
		return err
	})
}

// A subscription that no process delivers to holds events until it is behind.
func TestSubscriptionThatIsBehindIsSwitchedOff(t *testing.T) {
	inOffice(t, func(o *office) {
		o.policy.BehindAfter = time.Hour
		var gone, b inbox
		o.run(o.relay(gone.as("gone")))()
		defer o.run(o.relay(b.as("mail")))()
		user := id.User(o.ids.Next())
		o.add(user, 1)
		time.Sleep(30 * time.Minute)
		o.add(user, 2)
		time.Sleep(30*time.Minute - time.Second)
		if s := o.subscription("gone"); s.State != events.Active {
			t.Fatalf("after an hour, the subscription is %+v", s)
		}
		if kept := o.kept(); !slices.Equal(kept, []int64{1, 2}) {
			t.Fatalf("after an hour, the store has the events %v", kept)
		}
		time.Sleep(3 * time.Second)
		s := o.subscription("gone")
		if s.State != events.Behind || s.Position != 0 || now().Sub(s.Since) > 3*time.Second {
			t.Errorf("after more than an hour, the subscription is %+v", s)
		}
		o.reported("the subscription gone is switched off at position 0")
		if kept := o.kept(); len(kept) != 0 {
			t.Errorf("the store still has the events %v", kept)
		}
		o.want(&b, 1, 2)
	})
}

func TestSubscriptionBeginsAgain(t *testing.T) {
	inOffice(t, func(o *office) {
		o.policy.Keep = time.Hour
		user := id.User(o.ids.Next())
		var b inbox
		defer o.run(o.relay(b.as("mail")))()
		o.add(user, 1, 2, 3)
		time.Sleep(time.Second)
		o.do(func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Subscriptions().Switch(ctx, "mail", events.Active, events.Off, now())
			return err
		})
		o.add(user, 4)
		time.Sleep(time.Minute)
		o.want(&b, 1, 2, 3)
		o.begin("mail", 1)
		time.Sleep(time.Second)
		o.want(&b, 1, 2, 3, 2, 3, 4)
		o.quiet()
	})
}

// A subscription that is told to begin at events that are old enough to switch it off has time to
// handle them.
func TestSubscriptionBeginsAtOldEvents(t *testing.T) {
	inOffice(t, func(o *office) {
		o.policy.Keep, o.policy.BehindAfter, o.policy.MaxTries = 4*time.Hour, time.Hour, 1000
		o.policy.MinPause, o.policy.MaxPause = 10*time.Minute, 10*time.Minute
		var b inbox
		r := o.relay(b.as("mail"))
		defer o.run(r)()
		o.add(id.User(o.ids.Next()), 1, 2)
		time.Sleep(2 * time.Hour)
		o.do(func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Subscriptions().Switch(ctx, "mail", events.Active, events.Off, now())
			return err
		})
		b.mu.Lock()
		b.fail = failing(1)
		b.mu.Unlock()
		o.begin("mail", 0)
		time.Sleep(30 * time.Minute)
		if s := o.subscription("mail"); s.State != events.Active {
			t.Fatalf("after half an hour, the subscription is %+v", s)
		}
		time.Sleep(31 * time.Minute)
		if s := o.subscription("mail"); s.State != events.Behind {
			t.Errorf("after more than an hour, the subscription is %+v", s)
		}
	})
}

// An event that is set aside, and delivered again because the subscription begins before it, stays
// set aside.
func TestSubscriptionBeginsBeforeAnEventThatIsSetAside(t *testing.T) {
	inOffice(t, func(o *office) {
		o.policy.Keep, o.policy.MaxTries = time.Hour, 1
		var b inbox
		b.fail = failing(2)
		defer o.run(o.relay(b.as("mail")))()
		o.add(id.User(o.ids.Next()), 1, 2, 3)
		time.Sleep(time.Second)
		o.do(func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Subscriptions().Switch(ctx, "mail", events.Active, events.Off, now())
			return err
		})
		o.begin("mail", 0)
		time.Sleep(time.Second)
		o.want(&b, 1, 3, 1, 3)
		if list := o.aside(); len(list) != 1 || list[0].Position != 2 {
			t.Errorf("set aside: %+v", list)
		}
	})
}

func TestEventsThatNoSubscriptionNeedsAreRemoved(t *testing.T) {
	inOffice(t, func(o *office) {
		user := id.User(o.ids.Next())
		stop := o.run(o.relay())
		o.add(user, 1, 2)
		time.Sleep(2 * time.Second)
		if kept := o.kept(); len(kept) != 0 {
			t.Errorf("without subscriptions, the store keeps %v", kept)
		}
		stop()

		var b, slow inbox
		slow.fail = failing(4)
		o.policy.MinPause, o.policy.MaxPause = time.Hour, time.Hour
		defer o.run(o.relay(b.as("mail"), slow.as("slow")))()
		o.add(user, 3, 4, 5)
		time.Sleep(2 * time.Second)
		if kept := o.kept(); !slices.Equal(kept, []int64{4, 5}) {
			t.Errorf("a subscription at position 3 keeps %v, want 4 and 5", kept)
		}
	})
}

func TestEventsAreKeptForAWhile(t *testing.T) {
	inOffice(t, func(o *office) {
		o.policy.Keep = time.Hour
		user := id.User(o.ids.Next())
		defer o.run(o.relay())()
		o.add(user, 1)
		time.Sleep(30 * time.Minute)
		o.add(user, 2)
		time.Sleep(time.Second)
		for after, want := range [][]int64{{1, 2}, {2}, nil} {
			if kept := o.kept(); !slices.Equal(kept, want) {
				t.Errorf("after %d half hours, the store keeps %v, want %v", after+1, kept, want)
			}
			time.Sleep(30*time.Minute + time.Second)
		}
	})
}

func TestProgress(t *testing.T) {
	inOffice(t, func(o *office) {
		o.policy.MinPause, o.policy.MaxPause, o.policy.MaxTries = time.Hour, time.Hour, 2
		var b inbox
		b.fail = failing(1)
		r := o.relay(b.as("mail"))
		if p := r.Progress(); !p.At.IsZero() {
			t.Errorf("before Run: %+v", p)
		}
		defer o.run(r)()
		added := now()
		o.add(id.User(o.ids.Next()), 1, 2, 3)
		time.Sleep(5 * time.Second)
		p := r.Progress()
		if now().Sub(p.At) > time.Second || !p.Oldest.IsZero() || len(p.Subscriptions) != 1 {
			t.Fatalf("the progress is %+v", p)
		}
		want := events.SubscriptionProgress{Name: "mail", State: events.Active, Waiting: 3, Oldest: added}
		if p.Subscriptions[0] != want {
			t.Errorf("the progress is %+v, want %+v", p.Subscriptions[0], want)
		}
		time.Sleep(2 * time.Hour)
		want = events.SubscriptionProgress{Name: "mail", State: events.Active, SetAside: 1}
		if p := r.Progress(); p.Subscriptions[0] != want {
			t.Errorf("the progress is %+v, want %+v", p.Subscriptions[0], want)
		}
	})
}

// A new subscriber does not wait for events that were removed before it was added.
func TestProgressWithoutEvents(t *testing.T) {
	inOffice(t, func(o *office) {
		o.policy.FromOldest = true
		stop := o.run(o.relay())
		o.add(id.User(o.ids.Next()), 1, 2, 3)
		time.Sleep(5 * time.Second)
		stop()
		r := o.relay((&inbox{}).as("mail"))
		defer o.run(r)()
		time.Sleep(5 * time.Second)
		want := events.SubscriptionProgress{Name: "mail", State: events.Active}
		if p := r.Progress(); p.Subscriptions[0] != want {
			t.Errorf("the progress is %+v, want %+v", p.Subscriptions[0], want)
		}
	})
}

// TestUnavailableIsNoAttempt checks that an event waits, with pauses that grow, while its subscriber
// says that it can be handled later, and is then handled; and that other errors count.
func TestUnavailableIsNoAttempt(t *testing.T) {
	inOffice(t, func(o *office) {
		o.policy.LookEvery = time.Second
		user := id.User(o.ids.Next())
		var b inbox
		var mu sync.Mutex
		tries, failing := 0, error(fault.New(fault.Unavailable, "down", "the server cannot be reached"))
		b.fail = func(events.Event, int) error {
			mu.Lock()
			defer mu.Unlock()
			tries++
			return failing
		}
		fail := func(err error) (before int) {
			mu.Lock()
			defer mu.Unlock()
			failing = err
			return tries
		}
		s := b.as("mail")
		defer o.run(o.relay(s))()
		o.add(user, 1)
		time.Sleep(4 * time.Hour)
		if s := o.subscription("mail"); s.Position != 0 || s.Attempts != 0 || s.State != events.Active {
			t.Errorf("after hours, the subscription is %+v", s)
		}
		if tries := fail(errors.New("broken")); tries < 4*60/5 || tries > 400 {
			t.Errorf("%d tries in 4 hours, want one in 5 minutes at least", tries)
		}
		time.Sleep(6 * time.Minute)
		if s := o.subscription("mail"); s.Attempts == 0 {
			t.Errorf("after another error, the subscription is %+v", s)
		}
		fail(nil)
		time.Sleep(6 * time.Minute)
		if s := o.subscription("mail"); s.Position != 1 {
			t.Errorf("at the end, the subscription is %+v", s)
		}
	})
}

// TestUnavailableIsBehind checks that an event does not wait longer than any other.
func TestUnavailableIsBehind(t *testing.T) {
	inOffice(t, func(o *office) {
		o.policy.LookEvery, o.policy.BehindAfter = time.Second, 2*time.Hour
		s := events.Subscriber{Name: "mail", Handle: func(context.Context, events.Event) error {
			return fault.New(fault.Unavailable, "down", "the server cannot be reached")
		}}
		defer o.run(o.relay(s))()
		o.add(id.User(o.ids.Next()), 1)
		time.Sleep(o.policy.BehindAfter + time.Hour)
		if s := o.subscription("mail"); s.State != events.Behind {
			t.Errorf("the subscription is %+v, want it behind", s)
		}
	})
}
