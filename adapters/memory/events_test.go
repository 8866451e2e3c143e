package memory_test

import (
	"context"
	"errors"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// told fills the tables of events, and changes and removes some of the rows.
func (f *fixture) told(ctx context.Context, tx ports.Tx, ada users.User) error {
	event := func(seq int64) events.Event {
		return events.New(f.ids, noon, seq, events.ProfileChanged{UserID: ada.ID})
	}
	var errs []error
	note := func(err error) { errs = append(errs, err) }
	note(tx.Events().Add(ctx, event(1), event(2), event(3)))
	_, err := tx.Events().Number(ctx, 10)
	note(err)
	_, err = tx.Events().Trim(ctx, 1, 1)
	note(err)
	note(tx.Events().Add(ctx, event(4), event(5)))
	for _, name := range []string{"mail", "gone"} {
		_, err = tx.Subscriptions().Subscribe(ctx, events.Subscription{Name: name, State: events.Active, Since: noon})
		note(err)
		s, _, err := tx.Subscriptions().Lease(ctx, name, "relay", noon, noon.Add(time.Minute))
		note(err)
		aside := events.SetAside{Subscriber: name, Position: 2, Class: "timeout", At: noon, State: events.Waiting}
		_, err = tx.Subscriptions().SetAside(ctx, s.Leased(), aside)
		note(err)
		_, err = tx.Subscriptions().Retry(ctx, aside.Place())
		note(err)
	}
	return errors.Join(append(errs, tx.Subscriptions().Drop(ctx, "gone"))...)
}
