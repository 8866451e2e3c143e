package events_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/ports"
)

func TestWatchIsWokenWhenEventsAreNumbered(t *testing.T) {
	inOffice(t, func(o *office) {
		o.policy.LookEvery = time.Minute
		r := o.relay()
		woken, stop := r.Watch()
		defer o.run(r)()
		user := id.User(o.ids.Next())
		for seq := range int64(3) {
			o.add(user, seq+1)
			r.Wake()
			select {
			case <-woken:
			case <-time.After(time.Second):
				t.Fatal("Watch is not woken after Wake")
			}
			if kept := o.kept(); seq == 0 && len(kept) > 1 {
				t.Errorf("numbered: %v", kept)
			}
			synctest.Wait()
		}
		stop()
		select { // it may be woken more often than something was numbered
		case <-woken:
		default:
		}
		o.add(user, 4)
		r.Wake()
		time.Sleep(time.Second)
		select {
		case <-woken:
			t.Error("a Watch that was stopped is woken")
		default:
		}
	})
}

func TestWatchIsWokenWhenAnotherProcessNumbers(t *testing.T) {
	inOffice(t, func(o *office) {
		o.policy.Keep = time.Hour
		other := o.relay()
		o.policy.LookEvery = 10 * time.Second
		r := o.relay()
		woken, stop := r.Watch()
		defer stop()
		defer o.run(r)()
		defer o.run(other)()
		o.add(id.User(o.ids.Next()), 1)
		time.Sleep(time.Second)
		if kept := o.kept(); !slices.Equal(kept, []int64{1}) {
			t.Fatalf("the other relay has numbered %v", kept)
		}
		select {
		case <-woken:
		case <-time.After(10 * time.Second):
			t.Error("Watch is not woken after LookEvery")
		}
	})
}

// An event that is old when it is numbered stays, so that a reader that reads every few seconds gets it.
func TestEventThatIsNumberedLateStays(t *testing.T) {
	inOffice(t, func(o *office) {
		o.policy.Keep = time.Hour
		defer o.run(o.relay())()
		time.Sleep(time.Hour)
		o.do(func(ctx context.Context, tx ports.Tx) error {
			return events.Add(ctx, tx, o.ids, time.Now().Add(-2*time.Hour), 1, events.WalletChanged{UserID: id.User(o.ids.Next()), Amount: 1})
		})
		time.Sleep(events.MinStay - time.Second)
		if kept := o.kept(); !slices.Equal(kept, []int64{1}) {
			t.Errorf("before MinStay, the store keeps %v", kept)
		}
		time.Sleep(4 * time.Second)
		if kept := o.kept(); len(kept) != 0 {
			t.Errorf("after MinStay, the store keeps %v", kept)
		}
	})
}
