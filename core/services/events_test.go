package services_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// listener is a world whose events are read after each use case.
type listener struct {
	*coretest.World
	t    *testing.T
	last int64
	seen map[events.Type]bool
}

// said numbers the new events, and returns them.
func (l *listener) said() (all []events.Numbered) {
	l.t.Helper()
	err := l.Store.Do(l.Ctx, func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Events().Number(ctx, 1000); err != nil {
			return err
		}
		var err error
		all, err = tx.Events().After(ctx, l.last, 1000)
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	for _, e := range all {
		l.last, l.seen[e.Type] = e.Position, true
	}
	return all
}

// does runs a use case, which must say these events in any order.
func (l *listener) does(what string, useCase func() error, want ...events.Type) {
	l.t.Helper()
	if err := useCase(); err != nil {
		l.t.Fatalf("%s: %v", what, err)
	}
	l.says(what, want...)
}

func (l *listener) says(what string, want ...events.Type) {
	l.t.Helper()
	var got []events.Type
	for _, e := range l.said() {
		got = append(got, e.Type)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		l.t.Errorf("%s said %q, want %q", what, got, want)
	}
}

// repeated runs a use case twice with one key. The second time it says nothing.
func (l *listener) repeated(what string, useCase func(key idempotency.Key) error, want ...events.Type) {
	l.t.Helper()
	key := idempotency.Key(strings.ReplaceAll(what, " ", "-"))
	l.does(what, func() error { return useCase(key) }, want...)
	l.does(what+" again", func() error { return useCase(key) })
}

// refused runs a use case that is refused, and says nothing.
func (l *listener) refused(what string, useCase func() error, want error) {
	l.t.Helper()
	if err := useCase(); !errors.Is(err, want) {
		l.t.Errorf("%s: got error %v, want %v", what, err, want)
	}
	l.says(what)
}

func only[T any](_ T, err error) error { return err }

// TestEventsOfUseCases walks through the use cases. That no test of core changes anything without its
// event is what coretest.Told checks.
func TestEventsOfUseCases(t *testing.T) {
	w := coretest.NewWorld(t, memory.New(), func(p *coretest.Policies) { p.Notifications.RemindBefore = 30 * time.Minute })
	l := &listener{World: w, t: t, seen: map[events.Type]bool{}}
	ctx := l.Ctx
	l.repeated("sign-up", func(key idempotency.Key) error {
		return only(l.Users.SignUp(ctx, users.SignUp{Name: "Ada", Email: coretest.Email("Ada"), Password: coretest.Password}, key))
	}, events.TypeUserSignedUp, events.TypeWalletChanged)
	ada := l.SignIn("Ada").User.ID
	ben, eve, admin := l.Local("Ben"), l.Local("Eve"), l.Admin()
	l.said()

	l.does("change of an account", func() error { return only(l.Users.ChangeMe(ctx, ada, users.Change{Bio: new("new")})) },
		events.TypeProfileChanged)
	l.does("profile", func() error { return only(l.Matching.SaveProfile(ctx, ada, matching.Profile{Age: 36}, nil)) },
		events.TypeProfileChanged)
	var walks matching.Interest
	l.repeated("interest", func(key idempotency.Key) (err error) {
		walks, err = l.Matching.CreateInterest(ctx, admin, matching.InterestChange{Name: new("Walks")}, key)
		return err
	}, events.TypeInterestChanged)
	rename := func() error {
		return only(l.Matching.ChangeInterest(ctx, admin, walks.ID, matching.InterestChange{Name: new("Hikes")}))
	}
	l.does("change of an interest", rename, events.TypeInterestChanged)
	l.does("the same change of an interest", rename)

	l.does("request of a reset", func() error { return l.Users.ForgotPassword(ctx, coretest.Email("Ada"), users.Device{}) },
		events.TypeMailRequested)
	data := l.Sent()[0].Data.(users.PasswordResetMail)
	l.does("reset", func() error { return l.Users.ResetPassword(ctx, data.Secret, coretest.Password, users.Device{}) },
		events.TypeUserVerified)
	l.talks(ada, ben, eve)
	l.books(ada, ben, admin)
	l.moderates(ada, ben, eve, admin)

	var missed []events.Type
	for _, known := range events.Types() {
		if !l.seen[known] {
			missed = append(missed, known)
		}
	}
	if missed != nil {
		t.Errorf("no use case said %q", missed)
	}
}

func (l *listener) talks(ada, ben, eve id.User) {
	l.t.Helper()
	ctx := l.Ctx
	var talk id.Conversation
	l.repeated("conversation", func(key idempotency.Key) error {
		opened, err := l.Messaging.Open(ctx, ada, ben, key)
		talk = opened.Overview.Conversation.ID
		return err
	}, events.TypeConversationOpened)
	l.does("a conversation that exists", func() error { return only(l.Messaging.Open(ctx, ada, ben, "")) })
	var sent messaging.Message
	l.repeated("message", func(key idempotency.Key) (err error) {
		sent, err = l.Messaging.Send(ctx, ada, talk, messaging.Draft{Content: "Hello"}, key)
		return err
	}, events.TypeMessageSent, events.TypeWalletChanged)
	l.repeated("reading", func(key idempotency.Key) error { return only(l.Messaging.Read(ctx, ben, talk, sent.ID, key)) },
		events.TypeMessageRead)
	l.does("reading what is read", func() error { return only(l.Messaging.Read(ctx, ben, talk, sent.ID, "")) })
	l.Fund(eve, 0)
	toBen := l.Conversation(eve, ben)
	l.said()
	l.refused("a message without tokens", func() error {
		return only(l.Messaging.Send(ctx, eve, toBen, messaging.Draft{Content: "Hello"}, "poor"))
	}, tokens.ErrTooFewTokens)
	for range 2 {
		want := []events.Type{events.TypeBlockAdded}
		l.does("block", func() error { return l.Moderation.Block(ctx, ben, eve) }, want...)
		l.does("the same block", func() error { return l.Moderation.Block(ctx, ben, eve) })
		l.does("unblock", func() error { return l.Moderation.Unblock(ctx, ben, eve) }, events.TypeBlockRemoved)
		l.does("unblock again", func() error { return l.Moderation.Unblock(ctx, ben, eve) })
	}
}

func (l *listener) books(ada, ben, admin id.User) {
	l.t.Helper()
	ctx := l.Ctx
	talk := l.Conversation(ada, ben)
	price, err := reservations.ParsePrice("2.00")
	if err != nil {
		l.t.Fatal(err)
	}
	var last id.Reservation
	propose := func() {
		l.t.Helper()
		begin := l.Clock.Now().Add(time.Hour)
		l.repeated("proposal "+begin.String()[11:19], func(key idempotency.Key) error {
			v, err := l.Reservations.Propose(ctx, ada, talk, reservations.Proposal{
				Title: "A walk", Price: price, Date: begin, EndDate: begin.Add(time.Hour),
			}, key)
			last = v.ID
			return err
		}, events.TypeReservationProposed)
		l.Clock.Advance(time.Minute)
	}
	accept := func() {
		l.t.Helper()
		l.repeated("accept "+last.String(), func(key idempotency.Key) error { return only(l.Reservations.Accept(ctx, ben, last, key)) },
			events.TypeReservationAccepted, events.TypeWalletChanged)
	}
	propose()
	l.repeated("decline", func(key idempotency.Key) error { return only(l.Reservations.Decline(ctx, ben, last, key)) },
		events.TypeReservationDeclined)
	l.refused("to accept what is declined", func() error { return only(l.Reservations.Accept(ctx, ben, last, "late")) },
		reservations.ErrStatus)
	propose()
	l.repeated("withdraw", func(key idempotency.Key) error { return only(l.Reservations.Cancel(ctx, ada, last, key)) },
		events.TypeReservationCancelled)
	propose()
	accept()
	l.repeated("cancel", func(key idempotency.Key) error { return only(l.Reservations.Cancel(ctx, ben, last, key)) },
		events.TypeReservationCancelled, events.TypeWalletChanged)
	propose()
	accept()
	l.does("the end by an admin", func() error {
		return only(l.Reservations.End(ctx, admin, last, reservations.Ending{Status: reservations.Completed, Reason: "done"}))
	}, events.TypeReservationCompleted, events.TypeWalletChanged)
	propose()
	accept()
	l.does("acceptance a while ago", l.Notify)
	l.Clock.Advance(45 * time.Minute)
	l.does("reminder", l.Notify, events.TypeReservationReminded)
	l.does("reminder again", l.Notify)
	l.Clock.Advance(3 * time.Hour)
	l.does("settlement", func() error { return only(l.Reservations.Settle(ctx)) },
		events.TypeReservationCompleted, events.TypeWalletChanged)
	propose()
	l.Clock.Advance(3 * time.Hour)
	l.does("lapse", func() error { return only(l.Reservations.Settle(ctx)) }, events.TypeReservationExpired)
	l.does("settlement of nothing", func() error { return only(l.Reservations.Settle(ctx)) })
}

func (l *listener) moderates(ada, ben, eve, admin id.User) {
	l.t.Helper()
	ctx := l.Ctx
	var filed moderation.Report
	l.repeated("report", func(key idempotency.Key) (err error) {
		filed, err = l.Moderation.Report(ctx, ada, moderation.ReportInput{ReportedUserID: eve, Reason: "spam"}, key)
		return err
	}, events.TypeReportFiled)
	for _, status := range []moderation.Status{moderation.Reviewed, moderation.Resolved} {
		l.does("move to "+string(status), func() error {
			return only(l.Moderation.ChangeReport(ctx, admin, filed.ID, moderation.ReportChange{Status: &status}))
		}, events.TypeReportMoved)
	}
	l.does("notes", func() error {
		return only(l.Moderation.ChangeReport(ctx, admin, filed.ID, moderation.ReportChange{Notes: new("again")}))
	})
	l.repeated("tokens", func(key idempotency.Key) error {
		return only(l.Moderation.PostTokens(ctx, admin, ben, moderation.Adjustment{Type: tokens.Bonus, Amount: 5, Reason: "thanks"}, key))
	}, events.TypeWalletChanged)
	impose := func(kind moderation.SanctionKind, ends time.Time) (s moderation.Sanction) {
		l.t.Helper()
		l.repeated("sanction "+string(kind)+ends.String(), func(key idempotency.Key) (err error) {
			s, err = l.Moderation.Impose(ctx, admin, eve, moderation.SanctionInput{Kind: kind, Reason: "spam", EndsAt: ends}, key)
			return err
		}, events.TypeUserSanctioned)
		return s
	}
	lift := func(s moderation.Sanction, want ...events.Type) {
		l.t.Helper()
		l.does("lift", func() error {
			return only(l.Moderation.Decide(ctx, admin, s.ID, moderation.Decision{Outcome: moderation.Lifted}))
		}, want...)
	}
	impose(moderation.Warning, time.Time{})
	lift(impose(moderation.Restriction, time.Time{}))
	lift(impose(moderation.Suspension, time.Time{}), events.TypeUserReactivated)
	impose(moderation.Suspension, l.Clock.Now().Add(time.Hour))
	l.Clock.Advance(2 * time.Hour)
	l.does("return after a suspension", func() error {
		return only(l.Users.SignIn(ctx, users.SignIn{Email: coretest.Email("Eve"), Password: coretest.Password}))
	}, events.TypeUserReactivated)
	l.does("deactivation", func() error { l.SetActive(eve, false); return nil }, events.TypeUserDeactivated)
	l.does("reactivation", func() error { l.SetActive(eve, true); return nil }, events.TypeUserReactivated)
	l.does("deactivation", func() error { l.SetActive(eve, false); return nil }, events.TypeUserDeactivated)
	l.does("appointment", func() error { return only(l.Moderation.MakeAdmin(ctx, coretest.Email("Eve"))) }, events.TypeUserReactivated)
	l.does("appointment again", func() error { return only(l.Moderation.MakeAdmin(ctx, coretest.Email("Eve"))) })
	l.does("erasure", func() error { return l.Privacy.Erase(ctx, ada, coretest.Password, users.Device{}) },
		events.TypeUserErased, events.TypeWalletChanged)
}
