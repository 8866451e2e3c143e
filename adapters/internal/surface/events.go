package surface

import (
	"context"
	"strconv"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// setAside numbers the events of the town, and adds subscriptions that have set the last one aside.
func (tn *town) setAside() {
	tn.Helper()
	store, now := ports.NewStore(tn.app.Storage, uow.Policy{}), clock.Truncate(time.Now())
	do := func(fn func(ctx context.Context, tx ports.Tx) error) {
		tn.Helper()
		tn.must(store.Do(tn.Context(), fn))
	}
	do(func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Events().Number(ctx, 1000)
		return err
	})
	for _, name := range []string{"index", "search"} {
		do(func(ctx context.Context, tx ports.Tx) error {
			b, err := tx.Events().Backlog(ctx)
			if err != nil {
				return err
			}
			tn.words["position"] = strconv.FormatInt(b.Highest, 10)
			s := events.Subscription{Name: name, Position: b.Highest - 1, State: events.Active, Since: now}
			if _, err := tx.Subscriptions().Subscribe(ctx, s); err != nil {
				return err
			}
			if s, _, err = tx.Subscriptions().Lease(ctx, name, "a server", now, now.Add(time.Minute)); err != nil {
				return err
			}
			_, err = tx.Subscriptions().SetAside(ctx, s.Leased(), events.SetAside{
				Subscriber: name, Position: b.Highest, Attempts: 10, Class: "timeout", At: now, State: events.Waiting,
			})
			return err
		})
	}
}
