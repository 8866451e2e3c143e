package moderation_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/users"
)

func impose(t *testing.T, w *coretest.World, on id.User, kind moderation.SanctionKind, end time.Time) moderation.Sanction {
	t.Helper()
	s, err := w.Moderation.Impose(w.Ctx, w.Admin(), on, moderation.SanctionInput{Kind: kind, Reason: "rude", EndsAt: end}, "")
	coretest.Is(t, err, nil)
	return s
}

func signIn(w *coretest.World, name string) (users.SignedIn, error) {
	return w.Users.SignIn(w.Ctx, users.SignIn{Email: coretest.Email(name), Password: coretest.Password})
}

func TestWarning(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada := w.Person("Ada")
	before, err := w.Users.Me(w.Ctx, ada)
	coretest.Is(t, err, nil)
	s := impose(t, w, ada, moderation.Warning, time.Time{})
	after, err := w.Users.Me(w.Ctx, ada)
	before.Version++ // which orders the events of the account
	if err != nil || after != before {
		t.Errorf("the account is %+v with error %v, want %+v", after, err, before)
	}
	mine, err := w.Moderation.MySanctions(w.Ctx, ada, first)
	coretest.Is(t, err, nil)
	if len(mine.Items) != 1 || mine.Items[0] != s.ForUser() || !mine.Items[0].CreatedBy.IsZero() {
		t.Errorf("the user sees %+v, want %+v", mine.Items, s.ForUser())
	}
	all, err := w.Moderation.Sanctions(w.Ctx, w.Admin(), ada, first)
	if err != nil || len(all.Items) != 1 || all.Items[0] != s {
		t.Errorf("the admin sees %+v with error %v, want %+v", all.Items, err, s)
	}
	record := audits(t, w)[0]
	if record.Action != moderation.ActionUserSanctioned || record.SubjectID != id.Subject(ada) || record.Reason != "rude" ||
		record.Details["kind"] != "warning" || record.Details["sanction_id"] != s.ID.String() {
		t.Errorf("the audit record is %+v", record)
	}
}

func TestRestriction(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, luca, mira := w.Person("Ada"), w.Local("Luca"), w.Local("Mira")
	talk := w.Conversation(ada, luca)
	end := w.Clock.Now().Add(time.Hour)
	s := impose(t, w, ada, moderation.Restriction, end)
	propose := func(by id.User) error {
		date := w.Clock.Now().Add(5 * time.Hour)
		_, err := w.Reservations.Propose(w.Ctx, by, talk, reservations.Proposal{Title: "Tea", Date: date, EndDate: date.Add(time.Hour)}, "")
		return err
	}
	open := func(local id.User) error {
		_, err := w.Messaging.Open(w.Ctx, ada, local, "")
		return err
	}
	w.Unchanged(func() {
		coretest.Is(t, open(mira), users.ErrRestricted)
		coretest.Is(t, propose(ada), users.ErrRestricted)
		coretest.Is(t, open(luca), nil) // it exists
	})
	coretest.Is(t, propose(luca), nil) // the other participant is not restricted
	_, err := w.Messaging.Send(w.Ctx, ada, talk, messaging.Draft{Content: "hello"}, "")
	coretest.Is(t, err, nil)
	_, err = w.Moderation.Impose(w.Ctx, w.Admin(), ada, moderation.SanctionInput{Kind: moderation.Restriction, Reason: "again"}, "")
	coretest.Is(t, err, moderation.ErrSanctioned)

	w.Clock.Advance(time.Hour - time.Millisecond)
	coretest.Is(t, open(mira), users.ErrRestricted)
	w.Clock.Advance(time.Millisecond) // nothing but the time ends it
	coretest.Is(t, open(mira), nil)
	coretest.Is(t, propose(ada), nil)

	again := impose(t, w, ada, moderation.Restriction, time.Time{})
	w.Clock.Advance(100 * 365 * 24 * time.Hour)
	coretest.Is(t, propose(ada), users.ErrRestricted)
	_, err = w.Moderation.Decide(w.Ctx, w.Admin(), s.ID, moderation.Decision{Outcome: moderation.Lifted})
	coretest.Is(t, err, nil)
	coretest.Is(t, propose(ada), users.ErrRestricted) // the present one is another
	_, err = w.Moderation.Decide(w.Ctx, w.Admin(), again.ID, moderation.Decision{Outcome: moderation.Lifted})
	coretest.Is(t, err, nil)
	coretest.Is(t, propose(ada), nil)
}

func TestSuspension(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, luca := w.Person("Ada"), w.Local("Luca")
	talk := w.Conversation(ada, luca)
	before := w.SignIn("Luca")
	end := w.Clock.Now().Add(time.Hour)
	s := impose(t, w, luca, moderation.Suspension, end)

	_, err := w.Users.Authenticate(w.Ctx, before.AccessToken)
	coretest.Is(t, err, users.ErrNotSignedIn)
	_, err = w.Users.Refresh(w.Ctx, before.RefreshToken)
	coretest.Is(t, err, users.ErrRefresh)
	_, err = w.Users.SignIn(w.Ctx, users.SignIn{Email: coretest.Email("Luca"), Password: "wrong horse"})
	coretest.Is(t, err, users.ErrSignIn)
	in, err := signIn(w, "Luca")
	coretest.Is(t, err, nil)
	caller, err := w.Users.Authenticate(w.Ctx, in.AccessToken)
	if err != nil || !caller.Suspended || caller.UserID != luca {
		t.Errorf("got the caller %+v with error %v", caller, err)
	}
	if in, err = w.Users.Refresh(w.Ctx, in.RefreshToken); err != nil {
		t.Errorf("a refresh of the limited session: %v", err)
	}

	// All others see an inactive user, and the services refuse all but what a suspended user may do.
	_, err = w.Messaging.Send(w.Ctx, ada, talk, messaging.Draft{Content: "hello"}, "")
	coretest.Is(t, err, messaging.ErrClosed)
	_, err = w.Matching.ProfileOf(w.Ctx, ada, luca)
	if err == nil {
		t.Error("the profile of a suspended user is seen")
	}
	_, err = w.Users.Me(w.Ctx, luca)
	coretest.Is(t, err, users.ErrNotSignedIn)
	_, err = w.Messaging.Send(w.Ctx, luca, talk, messaging.Draft{Content: "hello"}, "")
	coretest.Is(t, err, users.ErrNotSignedIn)
	coretest.Is(t, w.Moderation.Block(w.Ctx, luca, ada), users.ErrNotSignedIn)
	mine, err := w.Moderation.MySanctions(w.Ctx, luca, first)
	if err != nil || len(mine.Items) != 1 || mine.Items[0].Reason != "rude" {
		t.Errorf("the suspended user sees %+v with error %v", mine.Items, err)
	}
	_, err = w.Privacy.Export(w.Ctx, caller)
	coretest.Is(t, err, nil)
	w.Unchanged(func() {
		_, err := w.Moderation.ChangeUser(w.Ctx, w.Admin(), luca, moderation.AccountChange{IsActive: to(true)})
		coretest.Is(t, err, moderation.ErrSanctioned)
		_, err = w.Moderation.Impose(w.Ctx, w.Admin(), luca, moderation.SanctionInput{Kind: moderation.Suspension, Reason: "again"}, "")
		coretest.Is(t, err, moderation.ErrSanctioned)
	})

	// The end is the time of the clock: a refresh or a sign-in then makes the account active.
	w.Clock.Advance(time.Hour - time.Millisecond)
	still, err := signIn(w, "Luca")
	if err != nil || still.User.IsActive {
		t.Errorf("just before the end: got %+v with error %v", still.User, err)
	}
	w.Clock.Advance(time.Millisecond)
	back, err := w.Users.Refresh(w.Ctx, in.RefreshToken)
	if err != nil || !back.User.IsActive || !back.User.SuspendedUntil.IsZero() {
		t.Errorf("a refresh after the end: got %+v with error %v", back.User, err)
	}
	caller, err = w.Users.Authenticate(w.Ctx, still.AccessToken)
	if err != nil || caller.Suspended {
		t.Errorf("after the end: got the caller %+v with error %v", caller, err)
	}
	_, err = w.Messaging.Send(w.Ctx, ada, talk, messaging.Draft{Content: "hello"}, "")
	coretest.Is(t, err, nil)
	_, err = w.Moderation.Appeal(w.Ctx, luca, s.ID, "late", "")
	coretest.Is(t, err, moderation.ErrSanctionOver)

	impose(t, w, luca, moderation.Suspension, w.Clock.Now().Add(time.Hour))
	w.Clock.Advance(time.Hour)
	if back, err = signIn(w, "Luca"); err != nil || !back.User.IsActive {
		t.Errorf("a sign-in after the end: got %+v with error %v", back.User, err)
	}
	// What a suspended user may always do.
	impose(t, w, luca, moderation.Suspension, time.Time{})
	coretest.Is(t, w.Privacy.Erase(w.Ctx, luca, coretest.Password, users.Device{}), nil)
	_, err = signIn(w, "Luca")
	coretest.Is(t, err, users.ErrSignIn)
	_, err = w.Moderation.MySanctions(w.Ctx, luca, first)
	coretest.Is(t, err, users.ErrNotSignedIn)
	_, err = w.Moderation.Impose(w.Ctx, w.Admin(), luca, moderation.SanctionInput{Kind: moderation.Warning, Reason: "gone"}, "")
	coretest.Is(t, err, users.ErrErased)
}

// A deactivation is another thing: it is not lifted, and lets its user do nothing.
func TestInactiveAndSuspended(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada := w.Person("Ada")
	w.SetActive(ada, false)
	w.Unchanged(func() {
		_, err := signIn(w, "Ada")
		coretest.Is(t, err, users.ErrSignIn)
		_, err = w.Moderation.Impose(w.Ctx, w.Admin(), ada, moderation.SanctionInput{Kind: moderation.Suspension, Reason: "rude"}, "")
		coretest.Is(t, err, moderation.ErrInactive)
		_, err = w.Moderation.MySanctions(w.Ctx, ada, first)
		coretest.Is(t, err, users.ErrNotSignedIn)
	})
	w.SetActive(ada, true)
	impose(t, w, ada, moderation.Suspension, time.Time{})
	u, err := w.Moderation.MakeAdmin(w.Ctx, coretest.Email("Ada")) // the operator overrides it
	if err != nil || !u.IsActive || u.Suspended() {
		t.Errorf("got %+v with error %v", u, err)
	}
}

func TestAppeal(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, luca, admin := w.Person("Ada"), w.Person("Luca"), w.Admin()
	s := impose(t, w, ada, moderation.Suspension, time.Time{})
	decide := func(d moderation.Decision) (moderation.Sanction, error) {
		return w.Moderation.Decide(w.Ctx, admin, s.ID, d)
	}
	appeal := func(by id.User, words string, key idempotency.Key) (moderation.Sanction, error) {
		return w.Moderation.Appeal(w.Ctx, by, s.ID, words, key)
	}
	w.Unchanged(func() {
		_, err := decide(moderation.Decision{Outcome: moderation.Upheld})
		coretest.Is(t, err, moderation.ErrDecided)
		_, err = decide(moderation.Decision{Outcome: "lost", Answer: strings.Repeat("é", 501)})
		coretest.Fields(t, err, "outcome", "answer")
		_, err = appeal(luca, "mine?", "")
		coretest.Is(t, err, moderation.ErrSanctionNotFound)
		_, err = appeal(ada, " ", "")
		coretest.Fields(t, err, "appeal")
		_, err = appeal(ada, strings.Repeat("é", 5001), "")
		coretest.Fields(t, err, "appeal")
		_, err = w.Moderation.Appeal(w.Ctx, ada, id.Sanction(w.IDs.Next()), "why", "")
		coretest.Is(t, err, moderation.ErrSanctionNotFound)
	})
	w.Clock.Advance(time.Minute)
	words := "It was\na joke"
	appealed, err := appeal(ada, words, "k")
	coretest.Is(t, err, nil)
	want := s.ForUser()
	want.Appeal, want.AppealedAt = words, w.Clock.Now()
	if appealed != want {
		t.Errorf("got %+v, want %+v", appealed, want)
	}
	_, err = appeal(ada, "again", "")
	coretest.Is(t, err, moderation.ErrAppealed)
	w.Clock.Advance(time.Minute)
	upheld, err := decide(moderation.Decision{Outcome: moderation.Upheld, Answer: "it was not"})
	coretest.Is(t, err, nil)
	want.CreatedBy, want.DecidedBy = admin, admin
	want.Outcome, want.Answer, want.DecidedAt = moderation.Upheld, "it was not", w.Clock.Now()
	if upheld != want {
		t.Errorf("got %+v, want %+v", upheld, want)
	}
	if record := audits(t, w)[0]; record.Action != moderation.ActionSanctionUpheld || record.Reason != "it was not" {
		t.Errorf("the audit record is %+v", record)
	}
	w.Unchanged(func() {
		_, err := decide(moderation.Decision{Outcome: moderation.Upheld})
		coretest.Is(t, err, moderation.ErrDecided)
		again, err := appeal(ada, words, "k")
		if err != nil || again != appealed {
			t.Errorf("the repeat returned %+v with error %v, want %+v", again, err, appealed)
		}
		_, err = appeal(ada, "else", "k")
		coretest.Is(t, err, idempotency.ErrKeyReused)
	})
	_, err = decide(moderation.Decision{Outcome: moderation.Lifted})
	coretest.Is(t, err, nil)
	if u, err := w.Users.Me(w.Ctx, ada); err != nil || !u.IsActive {
		t.Errorf("after lifting: got %+v with error %v", u, err)
	}
	_, err = decide(moderation.Decision{Outcome: moderation.Lifted})
	coretest.Is(t, err, moderation.ErrDecided)
	if record := audits(t, w)[0]; record.Action != moderation.ActionSanctionLifted || record.SubjectID != id.Subject(ada) {
		t.Errorf("the audit record is %+v", record)
	}
}

func TestImposeErrors(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, admin := w.Person("Ada"), w.Admin()
	on := func(by, user id.User, c moderation.SanctionInput) error {
		_, err := w.Moderation.Impose(w.Ctx, by, user, c, "")
		return err
	}
	rude := moderation.SanctionInput{Kind: moderation.Suspension, Reason: "rude"}
	w.Unchanged(func() {
		coretest.Fields(t, on(admin, ada, moderation.SanctionInput{Kind: "prison"}), "kind", "reason")
		coretest.Fields(t, on(admin, ada, moderation.SanctionInput{Kind: moderation.Warning, Reason: "x", EndsAt: w.Clock.Now().Add(time.Hour)}), "ends_at")
		coretest.Fields(t, on(admin, ada, moderation.SanctionInput{Kind: moderation.Suspension, Reason: "x", EndsAt: w.Clock.Now()}), "ends_at")
		coretest.Fields(t, on(admin, ada, moderation.SanctionInput{Kind: moderation.Suspension, Reason: "x", EndsAt: users.NoEnd}), "ends_at")
		coretest.Is(t, on(admin, admin, rude), moderation.ErrOwnSanction)
		coretest.Is(t, on(admin, id.User(w.IDs.Next()), rude), users.ErrNotFound)
		coretest.Is(t, on(ada, admin, rude), users.ErrAdminsOnly)
		_, err := w.Moderation.Sanctions(w.Ctx, ada, admin, first)
		coretest.Is(t, err, users.ErrAdminsOnly)
		_, err = w.Moderation.Sanctions(w.Ctx, admin, id.User(w.IDs.Next()), first)
		coretest.Is(t, err, users.ErrNotFound)
		_, err = w.Moderation.Decide(w.Ctx, admin, id.Sanction(w.IDs.Next()), moderation.Decision{Outcome: moderation.Lifted})
		coretest.Is(t, err, moderation.ErrSanctionNotFound)
	})
	filed, err := w.Moderation.Impose(w.Ctx, admin, ada, rude, "k")
	coretest.Is(t, err, nil)
	w.Unchanged(func() {
		again, err := w.Moderation.Impose(w.Ctx, admin, ada, rude, "k")
		if err != nil || again != filed {
			t.Errorf("the repeat returned %+v with error %v, want %+v", again, err, filed)
		}
	})
}

// Admins suspend one another, and an active one stays: none can suspend themselves.
func TestLastAdminIsNotSuspended(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	var admins []id.User
	for _, name := range []string{"Anna", "Bert", "Cora", "Dana"} {
		admins = append(admins, w.AdminNamed(name))
	}
	coretest.AtOnce(len(admins), func(i int) error {
		_, err := w.Moderation.Impose(w.Ctx, admins[i], admins[(i+1)%len(admins)], moderation.SanctionInput{Kind: moderation.Suspension, Reason: "rude"}, "")
		return err
	})
	left := 0
	for _, a := range admins {
		if u, err := w.Users.Me(w.Ctx, a); err == nil && u.Role == users.RoleAdmin {
			left++
		}
	}
	if left == 0 {
		t.Error("no active admin is left")
	}
	s := impose(t, w, admins[0], moderation.Warning, time.Time{})
	_, err := w.Moderation.Decide(w.Ctx, admins[0], s.ID, moderation.Decision{Outcome: moderation.Lifted})
	if err == nil {
		t.Error("an admin lifted a sanction against themselves")
	}
}

func TestSanctionsCancelled(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, admin := w.Person("Ada"), w.Admin()
	var s moderation.Sanction
	for _, useCase := range []func(ctx context.Context) (err error){
		func(ctx context.Context) (err error) {
			s, err = w.Moderation.Impose(ctx, admin, ada, moderation.SanctionInput{Kind: moderation.Suspension, Reason: "rude"}, "k")
			return err
		},
		func(ctx context.Context) (err error) {
			_, err = w.Moderation.Appeal(ctx, ada, s.ID, "why", "k")
			return err
		},
		func(ctx context.Context) (err error) {
			_, err = w.Moderation.MySanctions(ctx, ada, page.Request[page.Moment]{})
			return err
		},
		func(ctx context.Context) (err error) {
			_, err = w.Moderation.Decide(ctx, admin, s.ID, moderation.Decision{Outcome: moderation.Lifted})
			return err
		},
	} {
		coretest.Is(t, w.Cancelled(useCase), nil)
	}
}
