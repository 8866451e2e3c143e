package porttest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// calls tests the promises of a unit of work with every method of every repository.
var calls = []test{
	{"a failed unit leaves no row", failedUnit},
	{"a commit keeps every row", keptUnit},
	{"a panic rolls back and reaches the caller", panickingUnit},
	{"an error of a repository ends the unit", errorEndsUnit},
	{"not found does not end the unit", notFoundKeepsUnit},
	{"a duplicate does not end the unit", duplicateKeepsUnit},
	{"a unit that only reads refuses every write", readOnly},
	{"a unit that only reads reads everything", readingModes},
	{"a repository is refused after the end of its unit", usedAfterEnd},
}

// everything writes through every repository, and returns an error if the unit does not see its own
// writes.
func everything(f *fixture, w *town, before contents) unit {
	return func(ctx context.Context, tx ports.Tx) error {
		for _, c := range w.writes(f) {
			if err := c.run(ctx, tx); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
		during, err := dumpIn(ctx, tx)
		if err != nil {
			return err
		}
		for _, table := range ports.Tables {
			if slices.Equal(before[table.Name], during[table.Name]) {
				return fmt.Errorf("a unit does not see its own writes to %s", table.Name)
			}
		}
		return nil
	}
}

func failedUnit(f *fixture) {
	w := f.town()
	before := f.dump()
	err := f.try(func(ctx context.Context, tx ports.Tx) error {
		if err := everything(f, w, before)(ctx, tx); err != nil {
			return err
		}
		return errBoom
	})
	if !errors.Is(err, errBoom) {
		f.Errorf("the unit returned %v, want the error that its function returned", err)
	}
	f.unchanged("a unit that failed", before)
}

func keptUnit(f *fixture) {
	w := f.town()
	before := f.dump()
	var during contents
	f.do(func(ctx context.Context, tx ports.Tx) (err error) {
		if err := everything(f, w, before)(ctx, tx); err != nil {
			return err
		}
		during, err = dumpIn(ctx, tx)
		return err
	})
	f.unchanged("the commit of a unit", during)
}

func panickingUnit(f *fixture) {
	w := f.town()
	before := f.dump()
	f.panics(everything(f, w, before))
	f.unchanged("a unit that panicked", before)
	f.user("still-here")
}

// ending returns calls with errors that must end the unit, and the error to expect.
func (w *town) ending(f *fixture) []struct {
	call
	want error
} {
	stale := w.ada
	stale.Version = 7
	return []struct {
		call
		want error
	}{
		{call{"too few tokens", func(ctx context.Context, tx ports.Tx) error {
			return post(ctx, tx, f.newEntry(w.ben.ID, -1000, tokens.Withdrawal))
		}}, tokens.ErrTooFewTokens},
		{call{"too many tokens", func(ctx context.Context, tx ports.Tx) error {
			return post(ctx, tx, f.newEntry(w.ben.ID, tokens.MaxBalance, tokens.Bonus))
		}}, tokens.ErrTooManyTokens},
		{call{"a stale save", func(ctx context.Context, tx ports.Tx) error { return tx.Users().Save(ctx, stale) }},
			uow.ErrConflict},
		{call{"a stale erasure", func(ctx context.Context, tx ports.Tx) error {
			return tx.Users().Erase(ctx,
				stale)
		}}, uow.ErrConflict},
		{call{"a row whose key exists", func(ctx context.Context, tx ports.Tx) error {
			return tx.Rows().Write(ctx, ports.StoreMarks, []ports.Row{{w.mark, noon}})
		}}, nil},
	}
}

func errorEndsUnit(f *fixture) {
	w := f.town()
	before := f.dump()
	for _, e := range w.ending(f) {
		var continued []string
		run := f.try
		if errors.Is(e.want, uow.ErrConflict) {
			run = f.once
		}
		err := run(func(ctx context.Context, tx ports.Tx) error {
			continued = nil
			for _, c := range w.writes(f)[:3] {
				if err := c.run(ctx, tx); err != nil {
					return fmt.Errorf("%s: %w", c.name, err)
				}
			}
			if e.run(ctx, tx) == nil { // the call is sent with the commit, which must fail
				return nil
			}
			for _, c := range w.calls(f) {
				if later := c.run(ctx, tx); later == nil || errors.Is(later, fault.NotFound) {
					continued = append(continued, fmt.Sprintf("%s: %v", c.name, later))
				}
			}
			return nil
		})
		for _, call := range continued {
			f.Errorf("after %s, the unit did not end: %s", e.name, call)
		}
		if err == nil {
			f.Errorf("%s: a unit committed although a call failed", e.name)
		}
		if e.want != nil && !errors.Is(err, e.want) && !errors.Is(err, uow.ErrEnded) {
			f.Errorf("%s: the unit returned %v", e.name, err)
		}
		f.unchanged("a unit with "+e.name, before)
	}
}

// missing returns calls that name rows that do not exist.
func missing(f *fixture, w *town) []call {
	var (
		unknown     = id.User(f.ids.Next())
		session     = id.Session(f.ids.Next())
		report      = id.Report(f.ids.Next())
		interest    = id.Interest(f.ids.Next())
		talk        = id.Conversation(f.ids.Next())
		message     = id.Message(f.ids.Next())
		reservation = id.Reservation(f.ids.Next())
	)
	return append(eventsMissing(), []call{
		discarding("Idempotency.Claim", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Idempotency().Claim(ctx, unknown.String(), "key-1")
		}),
		discarding("Tokens.Wallet", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Tokens().Wallet(ctx, unknown)
		}),
		{"Tokens.Post", func(ctx context.Context, tx ports.Tx) error {
			return post(ctx, tx, f.newEntry(w.ada.ID, 5, tokens.Bonus), f.newEntry(w.dora.ID, 5, tokens.Bonus))
		}},
		discarding("Users.User", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Users().User(ctx, unknown)
		}),
		{"Users.ByEmail", func(ctx context.Context, tx ports.Tx) error {
			_, _, err := tx.Users().ByEmail(ctx, "unknown@example.org")
			return err
		}},
		discarding("Users.Password", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Users().Password(ctx, unknown)
		}),
		discarding("Users.Pin", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Users().Pin(ctx, w.ada.ID, unknown)
		}),
		discarding("Users.Hold", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Users().Hold(ctx, unknown)
		}),
		{"Users.HoldWithAdmins", func(ctx context.Context, tx ports.Tx) error {
			_, _, err := tx.Users().HoldWithAdmins(ctx, unknown)
			return err
		}},
		{"Users.Save", func(ctx context.Context, tx ports.Tx) error {
			return tx.Users().Save(ctx, users.User{ID: unknown, Version: 1})
		}},
		discarding("Users.SetEmail", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Users().SetEmail(ctx, users.User{ID: unknown, Email: "unknown@example.org", Version: 1})
		}),
		{"Users.SetPassword", func(ctx context.Context, tx ports.Tx) error {
			return tx.Users().SetPassword(ctx, unknown, hashOf("secret"), noon)
		}},
		{"Users.Session", func(ctx context.Context, tx ports.Tx) error {
			_, _, err := tx.Users().Session(ctx, session)
			return err
		}},
		discarding("Users.UseRefreshToken", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Users().UseRefreshToken(ctx, f.secret(), noon)
		}),
		discarding("Users.Reset", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Users().Reset(ctx, f.secret())
		}),
		discarding("Moderation.Report", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Moderation().Report(ctx, report)
		}),
		{"Matching.Profile", func(ctx context.Context, tx ports.Tx) error {
			_, _, err := tx.Matching().Profile(ctx, w.cleo.ID)
			return err
		}},
		discarding("Matching.HoldInterest", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Matching().HoldInterest(ctx, interest)
		}),
		discarding("Messaging.ConversationOf", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Messaging().ConversationOf(ctx, w.ben.ID, w.ada.ID)
		}),
		discarding("Messaging.NthOpened", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Messaging().NthOpened(ctx, w.ben.ID, 100)
		}),
		discarding("Reservations.NthProposed", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Reservations().NthProposed(ctx, w.ben.ID, 100)
		}),
		discarding("Messaging.Standing", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Messaging().Standing(ctx, talk)
		}),
		discarding("Messaging.HoldConversation", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Messaging().HoldConversation(ctx, talk, w.ada.ID, 10)
		}),
		discarding("Messaging.Message", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Messaging().Message(ctx, message)
		}),
		discarding("Messaging.Attachment", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Messaging().Attachment(ctx, w.text.ID)
		}),
		discarding("Messaging.Overview", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Messaging().Overview(ctx, talk, w.ada.ID)
		}),
		discarding("Reservations.Reservation", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Reservations().Reservation(ctx, reservation)
		}),
		discarding("Reservations.Hold", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Reservations().Hold(ctx, reservation)
		}),
		discarding("Reservations.Move", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Reservations().Move(ctx, reservations.Reservation{ID: reservation, Status: reservations.Pending},
				reservations.Declined, noon)
		}),
	}...)
}

func notFoundKeepsUnit(f *fixture) {
	w := f.town()
	before := f.dump()
	newcomer := f.newUser("newcomer")
	f.do(func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Users().Add(ctx, newcomer, users.PasswordHash{}); err != nil {
			return err
		}
		for _, c := range missing(f, w) {
			if err := c.run(ctx, tx); !errors.Is(err, fault.NotFound) {
				return fmt.Errorf("%s returned %w, want not found", c.name, err)
			}
		}
		return nil
	})
	read(f, func(ctx context.Context, tx ports.Tx) (users.User, error) { return tx.Users().User(ctx, newcomer.ID) })
	after := f.dump()
	after[ports.Users.Name] = before[ports.Users.Name]
	if d := diff(before, after); d != "" {
		f.Errorf("calls that returned not found changed rows:\n%s", d)
	}
}

func duplicateKeepsUnit(f *fixture) {
	w := f.town()
	again := f.newUser("other")
	again.Email = "ADA@Example.org"
	chess := f.interest("chess")
	chess.Name = "HIKING"
	granted := f.secret()
	f.grant(granted)
	clash := f.newReservation(w.talk, 5)
	f.addReservation(clash)
	duplicates := []struct {
		name string
		run  func(ctx context.Context, tx ports.Tx) (stored bool, err error)
	}{
		{"Users.Add", func(ctx context.Context, tx ports.Tx) (bool, error) {
			return tx.Users().Add(ctx, again, hashOf("x"))
		}},
		{"Users.SetEmail", func(ctx context.Context, tx ports.Tx) (bool, error) {
			ben := w.ben
			ben.Email = again.Email
			return tx.Users().SetEmail(ctx, ben)
		}},
		{"Users.Grant", func(ctx context.Context, tx ports.Tx) (bool, error) {
			return tx.Users().Grant(ctx, granted)
		}},
		{"Moderation.AddReport", func(ctx context.Context, tx ports.Tx) (bool, error) {
			return tx.Moderation().AddReport(ctx, f.newReport(w.cleo.ID, w.ben.ID))
		}},
		{"Moderation.ChangeReport", func(ctx context.Context, tx ports.Tx) (bool, error) {
			return tx.Moderation().ChangeReport(ctx, w.report, "reviewed")
		}},
		{"Matching.AddInterest", func(ctx context.Context, tx ports.Tx) (bool, error) {
			return tx.Matching().AddInterest(ctx, matching.Interest{ID: id.Interest(f.ids.Next()), Name: "hiKING"})
		}},
		{"Matching.SaveInterest", func(ctx context.Context, tx ports.Tx) (bool, error) {
			if _, err := tx.Matching().HoldInterest(ctx, chess.ID); err != nil {
				return false, err
			}
			return tx.Matching().SaveInterest(ctx, chess)
		}},
		{"Messaging.OpenConversation", func(ctx context.Context, tx ports.Tx) (bool, error) {
			there, created, err := tx.Messaging().OpenConversation(ctx, f.newConversation(w.ada.ID, w.ben.ID))
			if err == nil && there != w.talk {
				err = fmt.Errorf("got %+v, want the existing conversation", there)
			}
			return created, err
		}},
		{"Reservations.Move", func(ctx context.Context, tx ports.Tx) (bool, error) {
			moved, err := tx.Reservations().Move(ctx, clash, reservations.Accepted, noon)
			if err == nil && moved != reservations.Overlaps {
				err = fmt.Errorf("got %v, want Overlaps", moved)
			}
			return false, err
		}},
	}
	for i, d := range duplicates {
		before := f.dump()
		witness := idempotency.Key(fmt.Sprintf("witness-%d", i))
		f.do(func(ctx context.Context, tx ports.Tx) error {
			stored, err := d.run(ctx, tx)
			if err != nil {
				return fmt.Errorf("%s: %w", d.name, err)
			}
			if stored {
				return fmt.Errorf("%s stored a duplicate", d.name)
			}
			now, err := dumpIn(ctx, tx)
			if err != nil {
				return err
			}
			if d := diff(before, now); d != "" {
				return fmt.Errorf("a duplicate changed rows: %s", d)
			}
			return claimAndSave(ctx, tx, idempotency.Record{
				Owner: "witness", Key: witness, Answer: []byte("{}"), CreatedAt: noon,
			})
		})
		if d := diff(before, f.dump()); d == "" {
			f.Errorf("what a unit wrote after %s found a duplicate is lost", duplicates[i].name)
		}
	}
}
