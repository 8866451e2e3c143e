package sqlitetest

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/moves"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/reservations"
)

func TestMovesInOneStepHoldInOrder(t *testing.T) {
	o := mustOpen(t, filepath.Join(t.TempDir(), "cicerone.db"))
	defer o.close(t)
	rounds := 10
	if soak() {
		rounds = 400
	}
	moves.HoldInOrder(t, o.storage, rounds)
}

func TestMoveInOneStepChecksTheSession(t *testing.T) {
	o := mustOpen(t, filepath.Join(t.TempDir(), "cicerone.db"))
	defer o.close(t)
	moves.CheckSessions(t, o.storage)
}

// proposed makes proposals of a voyager to a local, for one hour after the other.
func (o *opened) proposed(t testing.TB, voyager id.User, talk id.Conversation, titles ...string) (all []id.Reservation) {
	t.Helper()
	price, err := reservations.ParsePrice("1.00")
	begins := community.NewClock().Now().Add(time.Hour)
	for i, title := range titles {
		at := begins.Add(time.Duration(i) * time.Hour)
		v, failed := o.Reservations.Propose(context.Background(), voyager, talk,
			reservations.Proposal{Title: title, Price: price, Date: at, EndDate: at.Add(time.Hour)}, "")
		if err = errors.Join(err, failed); err != nil {
			t.Error(err)
			return all
		}
		all = append(all, v.ID)
	}
	return all
}

// TestFailedMove accepts reservations in units that share transactions. SQLite refuses some of them
// after their first write. Only those are not accepted, although an acceptance in one step has no
// savepoint.
func TestFailedMove(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "cicerone.db")
	mustOpen(t, path).close(t)
	if _, err := rawDB(t, path).Exec(`CREATE TRIGGER refused BEFORE INSERT ON token_transactions
		WHEN EXISTS (SELECT 1 FROM reservations
			WHERE title = 'refused' AND lower(hex(id)) = replace(NEW.metadata ->> 'reservation_id', '-', ''))
		BEGIN SELECT RAISE(ABORT, 'refused'); END`); err != nil {
		t.Fatal(err)
	}
	o := mustOpen(t, path)
	defer o.close(t)
	_, pairs, err := o.Populate(ctx, 8)
	if err != nil {
		t.Fatal(err)
	}
	titles := []string{"refused", "a walk", "a meal", "refused", "a ride", "a swim"}
	var all sync.WaitGroup
	for _, p := range pairs {
		for i, r := range o.proposed(t, p.Voyager, p.Talk, titles...) {
			all.Go(func() {
				_, err := o.Reservations.Accept(ctx, p.Local, r, "")
				if (err != nil) != (titles[i] == "refused") {
					t.Errorf("the acceptance of %q returned %v", titles[i], err)
				}
				want := reservations.Accepted
				if titles[i] == "refused" {
					want = reservations.Pending
				}
				if v, err := o.Reservations.Reservation(ctx, p.Voyager, r); err != nil || v.Status != want {
					t.Errorf("%q is %s, want %s: %v", titles[i], v.Status, want, err)
				}
			})
		}
	}
	all.Wait()
	found, err := o.Auditor.Audit(ctx)
	if err != nil || len(found.Violations) > 0 {
		t.Errorf("the audit found %+v: %v", found.Violations, err)
	}
}
