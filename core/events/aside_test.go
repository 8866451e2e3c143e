package events_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/ports"
)

func TestFailingEventIsTriedAgain(t *testing.T) {
	inOffice(t, func(o *office) {
		var tries []time.Time
		var b inbox
		b.fail = func(e events.Event, times int) error {
			if e.Seq != 2 {
				return nil
			}
			tries = append(tries, time.Now())
			if times <= 6 {
				return errBroken
			}
			return nil
		}
		defer o.run(o.relay(b.as("mail")))()
		o.add(id.User(o.ids.Next()), 1, 2, 3)
		time.Sleep(time.Millisecond)
		o.want(&b) // no one has numbered them yet
		time.Sleep(5 * time.Minute)
		o.want(&b, 1, 2, 3)
		ceiling := o.policy.MinPause
		for i := 1; i < len(tries); i++ {
			if pause := tries[i].Sub(tries[i-1]); pause > ceiling+2*o.policy.LookEvery {
				t.Errorf("the pause %d is %v, want at most %v", i, pause, ceiling)
			}
			ceiling *= 2
		}
		if len(tries) != 7 || tries[6].Sub(tries[0]) < time.Second {
			t.Errorf("tried at %v", tries)
		}
		if s := o.subscription("mail"); s.Position != 3 || s.Attempts != 0 || !s.RetryAt.IsZero() {
			t.Errorf("the subscription is %+v", s)
		}
		if len(o.aside()) != 0 {
			t.Error("an event is set aside")
		}
		o.reported("the event wallet.changed at position 2 failed 6 times: broken")
	})
}

func TestLaterEventsWaitForOneThatFails(t *testing.T) {
	inOffice(t, func(o *office) {
		o.policy.MinPause, o.policy.MaxPause = time.Hour, time.Hour
		var b, other inbox
		b.fail = failing(2)
		defer o.run(o.relay(b.as("mail"), other.as("search")))()
		o.add(id.User(o.ids.Next()), 1, 2, 3)
		time.Sleep(time.Second)
		o.want(&b, 1)
		o.want(&other, 1, 2, 3)
		if s := o.subscription("mail"); s.Position != 1 || s.Attempts != 1 {
			t.Errorf("the subscription is %+v, want position 1 and one attempt", s)
		}
	})
}

func TestPoisonousEventIsSetAside(t *testing.T) {
	inOffice(t, func(o *office) {
		var b, other inbox
		b.fail = failing(2)
		defer o.run(o.relay(b.as("mail"), other.as("search")))()
		o.add(id.User(o.ids.Next()), 1, 2, 3)
		time.Sleep(2 * time.Hour)
		o.want(&b, 1, 3)
		list := o.aside()
		if len(list) != 1 {
			t.Fatalf("%d events are set aside, want 1", len(list))
		}
		e := list[0]
		if e.Subscriber != "mail" || e.Position != 2 || e.Attempts != 10 || e.Class != "*errors.errorString" || e.State != events.Waiting {
			t.Errorf("set aside: %+v", e)
		}
		if strings.Contains(e.Class, "ada") {
			t.Error("the class has text of the error")
		}
		o.reported("failed 10 times; it is set aside: the letter")
		if kept := o.kept(); len(kept) != 1 || kept[0] != 2 {
			t.Errorf("kept the events %v, want only the one that is set aside", kept)
		}
	})
}

// The server that a subscriber needs is down for longer than MaxTries attempts take.
func TestEventIsTriedWhileItIsYoung(t *testing.T) {
	inOffice(t, func(o *office) {
		var b inbox
		var up atomic.Bool
		b.fail = func(events.Event, int) error {
			if !up.Load() {
				return errBroken
			}
			return nil
		}
		patient := b.as("mail")
		patient.TryFor = 24 * time.Hour
		defer o.run(o.relay(patient))()
		o.add(id.User(o.ids.Next()), 1)
		time.Sleep(12 * time.Hour)
		o.add(id.User(o.ids.Next()), 2)
		time.Sleep(24*time.Hour - time.Minute - 12*time.Hour)
		if n := len(o.aside()); n != 0 {
			t.Errorf("%d events are set aside before they are a day old", n)
		}
		time.Sleep(time.Minute + o.policy.MaxPause)
		if list := o.aside(); len(list) != 1 || list[0].Position != 1 || list[0].Attempts < 100 {
			t.Errorf("set aside: %+v, want the event that is a day old", list)
		}
		up.Store(true)
		time.Sleep(o.policy.MaxPause)
		o.want(&b, 2)
	})
}

func TestRetry(t *testing.T) {
	inOffice(t, func(o *office) {
		o.policy.MaxTries = 1
		var b inbox
		b.fail = failing(2)
		r := o.relay(b.as("mail"))
		defer o.run(r)()
		o.add(id.User(o.ids.Next()), 1, 2, 3)
		time.Sleep(time.Minute)
		o.want(&b, 1, 3)

		retry := func() {
			o.do(func(ctx context.Context, tx ports.Tx) error {
				marked, err := tx.Subscriptions().Retry(ctx, events.AsidePlace{Subscriber: "mail", Position: 2})
				if !marked {
					t.Error("not marked")
				}
				return err
			})
			time.Sleep(5 * time.Second)
		}
		retry()
		if list := o.aside(); len(list) != 1 || list[0].State != events.Waiting || list[0].Attempts != 2 {
			t.Errorf("after a retry that failed: %+v", list)
		}
		b.mu.Lock()
		b.fail = nil
		b.mu.Unlock()
		retry()
		o.want(&b, 1, 3, 2)
		if list := o.aside(); len(list) != 0 {
			t.Errorf("after a retry that succeeded: %+v", list)
		}
		o.add(id.User(o.ids.Next()), 4)
		time.Sleep(5 * time.Second)
		if kept := o.kept(); len(kept) != 0 {
			t.Errorf("kept the events %v", kept)
		}
	})
}

func TestClassesOfErrors(t *testing.T) {
	for class, fail := range map[string]func(ctx context.Context) error{
		"panic":                    func(context.Context) error { panic("the letter to ada@example.com") },
		"timeout":                  func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"full":                     func(context.Context) error { return fault.New(fault.Conflict, "full", "the box is full") },
		"*events_test.letterError": func(context.Context) error { return errors.Join(&letterError{}) },
	} {
		t.Run(class, func(t *testing.T) {
			inOffice(t, func(o *office) {
				o.policy.MaxTries = 1
				var b inbox
				defer o.run(o.relay(events.Subscriber{Name: "mail", Handle: func(ctx context.Context, e events.Event) error {
					if e.Seq == 1 {
						return fail(ctx)
					}
					return b.handle(ctx, e)
				}}))()
				o.add(id.User(o.ids.Next()), 1, 2)
				time.Sleep(o.policy.HandleTime + time.Second)
				o.want(&b, 2)
				if list := o.aside(); len(list) != 1 || list[0].Class != class {
					t.Errorf("set aside: %+v", list)
				}
			})
		})
	}
}

type letterError struct{}

func (*letterError) Error() string { return "the letter to ada@example.com" }

// A handler that ignores its context is reported. Meanwhile another process takes over.
func TestHandlerThatHangs(t *testing.T) {
	inOffice(t, func(o *office) {
		hung := make(chan struct{})
		stop := o.run(o.relay(events.Subscriber{Name: "mail", Handle: func(context.Context, events.Event) error {
			<-hung
			return nil
		}}))
		o.add(id.User(o.ids.Next()), 1)
		time.Sleep(time.Second)
		var b inbox
		defer o.run(o.relay(b.as("mail")))()
		time.Sleep(2 * o.policy.HandleTime)
		o.reported("it has not returned from the event wallet.changed")
		time.Sleep(o.policy.Lease)
		o.want(&b, 1)
		close(hung)
		stop()
		if p := o.subscription("mail").Position; p != 1 {
			t.Errorf("the position is %d", p)
		}
	})
}

// Slow handlers do not lose the lease: it is renewed between two events.
func TestLeaseIsRenewed(t *testing.T) {
	inOffice(t, func(o *office) {
		var b, other inbox
		stop := o.run(o.relay(events.Subscriber{Name: "mail", Handle: func(ctx context.Context, e events.Event) error {
			time.Sleep(o.policy.HandleTime - time.Millisecond)
			return b.handle(ctx, e)
		}}))
		o.add(id.User(o.ids.Next()), 1, 2, 3, 4, 5, 6, 7, 8)
		time.Sleep(time.Second)
		defer o.run(o.relay(other.as("mail")))()
		time.Sleep(55 * time.Second)
		if p := o.subscription("mail").Position; p < 3 {
			t.Errorf("the position is %d after 55 s: a renewal stores how far the subscriber is", p)
		}
		time.Sleep(time.Minute)
		o.want(&b, 1, 2, 3, 4, 5, 6, 7, 8)
		o.want(&other)
		stop()
		o.quiet()
	})
}
