package main_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// TestEvents looks after a subscription that has set an event aside.
func TestEvents(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	storage, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	must(t, err)
	store, ids, now := ports.NewStore(storage, uow.Policy{}), id.NewGenerator(nil), clock.Truncate(time.Now())
	for _, unit := range []func(ctx context.Context, tx ports.Tx) error{
		func(ctx context.Context, tx ports.Tx) error {
			return events.Add(ctx, tx, ids, now, 1, events.InterestChanged{InterestID: id.Interest(ids.Next())})
		},
		func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Events().Number(ctx, 10)
			return err
		},
		func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Subscriptions().Subscribe(ctx, events.Subscription{Name: "mail", State: events.Active, Since: now})
			if err != nil {
				return err
			}
			s, _, err := tx.Subscriptions().Lease(ctx, "mail", "a server", now, now.Add(time.Minute))
			if err != nil {
				return err
			}
			_, err = tx.Subscriptions().SetAside(ctx, s.Leased(), events.SetAside{
				Subscriber: "mail", Position: 1, Attempts: 10, Class: "timeout", At: now, State: events.Waiting,
			})
			return err
		},
	} {
		must(t, store.Do(t.Context(), unit))
	}
	must(t, storage.Close(t.Context()))

	command := func(want int, said string, args ...string) {
		t.Helper()
		code, stdout, stderr := run(t, nil, append(append([]string{"events"}, args...), "--store", "sqlite:"+path)...)
		if code != want || !strings.Contains(stdout+stderr, said) {
			t.Errorf("events %q ended with %d, want %d and %q:\n%s%s", args, code, want, said, stdout, stderr)
		}
	}
	command(0, "mail 1 waiting: interest.changed, failed 10 times, last at ", "list")
	command(0, "mail will try the event interest.changed at position 1 again\n", "retry", "mail", "1")
	command(0, "mail 1 retry: ", "list", "--subscriber", "mail", "--state", "retry")
	command(1, "no such event is set aside", "retry", "mail", "2")
	command(0, "mail is off since ", "off", "mail")
	command(0, "mail is off since ", "subscriptions")
	command(0, ", at position 1\nthe last event has the position 1\n", "subscriptions")
	command(1, "must be at most 1", "begin", "mail", "2")
	command(0, ", at position 0\n", "begin", "mail", "0")
	command(1, "there is no such subscription", "begin", "nothing")
}
