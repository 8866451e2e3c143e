package privacy_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/privacy"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// scene is a world with a conversation between a voyager and a local.
type scene struct {
	*coretest.World
	voyager, local id.User
	talk           id.Conversation
}

func newScene(t *testing.T, change ...func(*coretest.Policies)) scene {
	return newSceneIn(t, memory.New(), change...)
}

func newSceneIn(t *testing.T, storage ports.Storage, change ...func(*coretest.Policies)) scene {
	w := coretest.NewWorld(t, storage, change...)
	s := scene{World: w, voyager: w.Person("Vera"), local: w.Local("Luca")}
	s.talk = w.Conversation(s.voyager, s.local)
	return s
}

// reservation creates a reservation for 10 tokens, which begins in some hours and takes one hour.
func (s scene) reservation(t *testing.T, in int, accept bool) id.Reservation {
	t.Helper()
	price, err := reservations.ParsePrice("10")
	coretest.Is(t, err, nil)
	date := s.Clock.Now().Add(time.Duration(in) * time.Hour)
	r, err := s.Reservations.Propose(s.Ctx, s.voyager, s.talk, reservations.Proposal{
		Title: "A walk", Price: price, Date: date, EndDate: date.Add(time.Hour),
	}, "")
	coretest.Is(t, err, nil)
	if accept {
		_, err = s.Reservations.Accept(s.Ctx, s.local, r.ID, "")
		coretest.Is(t, err, nil)
	}
	return r.ID
}

func (s scene) status(t *testing.T, who id.User, r id.Reservation) reservations.Status {
	t.Helper()
	found, err := s.Reservations.Reservation(s.Ctx, who, r)
	coretest.Is(t, err, nil)
	return found.Status
}

func TestEraseVoyager(t *testing.T) {
	s := newScene(t)
	signedIn := s.SignIn("Vera")
	_, err := s.Messaging.Send(s.Ctx, s.voyager, s.talk, messaging.Draft{Content: "Hello"}, "")
	coretest.Is(t, err, nil)
	name, bio, place := "Vera Vagans", "I travel", "Nowhere"
	_, err = s.Users.ChangeMe(s.Ctx, s.voyager, users.Change{Name: &name, Bio: &bio, Location: &place})
	coretest.Is(t, err, nil)
	_, err = s.Matching.SaveProfile(s.Ctx, s.voyager, matching.Profile{FirstName: "Vera", LastName: "Vagans"}, nil)
	coretest.Is(t, err, nil)
	underWay, future, pending := s.reservation(t, 1, true), s.reservation(t, 5, true), s.reservation(t, 9, false)
	s.Clock.Advance(90 * time.Minute)

	coretest.Is(t, s.Privacy.Erase(s.Ctx, s.voyager, coretest.Password, users.Device{}), nil)

	if rows := s.Rows(); strings.Contains(rows, "vera@") || strings.Contains(rows, "Vagans") || strings.Contains(rows, "I travel") {
		t.Error("the store still holds personal data")
	}
	for r, want := range map[id.Reservation]reservations.Status{
		underWay: reservations.Accepted, future: reservations.Cancelled, pending: reservations.Cancelled,
	} {
		if got := s.status(t, s.local, r); got != want {
			t.Errorf("a reservation is %s, want %s", got, want)
		}
	}
	if f := s.Funds(s.voyager); f != (reservations.Funds{Held: 10}) {
		t.Errorf("the wallet has %+v, want 0 and 10 held", f)
	}
	_, err = s.Users.Authenticate(s.Ctx, signedIn.AccessToken)
	coretest.Is(t, err, users.ErrNotSignedIn)
	_, err = s.Users.Refresh(s.Ctx, signedIn.RefreshToken)
	coretest.Is(t, err, users.ErrRefresh)
	_, err = s.Users.SignIn(s.Ctx, users.SignIn{Email: coretest.Email("Vera"), Password: coretest.Password})
	coretest.Is(t, err, users.ErrSignIn)

	// Messages stay, of a user with the name "deleted".
	o, err := s.Messaging.Conversation(s.Ctx, s.local, s.talk)
	coretest.Is(t, err, nil)
	if o.Other.FirstName != users.DeletedName || o.LastMessage == nil || o.LastMessage.Content != "Hello" {
		t.Errorf("the local sees %+v", o)
	}
	_, err = s.Messaging.Send(s.Ctx, s.local, s.talk, messaging.Draft{Content: "Hello?"}, "")
	coretest.Is(t, err, messaging.ErrClosed)

	// A reservation that has begun is settled as usual. The address is free, and its keys are
	// removed.
	s.Clock.Advance(time.Hour)
	n, err := s.Reservations.Settle(s.Ctx)
	coretest.Is(t, err, nil)
	if b := s.Balance(s.local); n != 1 || b != 60 {
		t.Errorf("settled %d, and the local has %d; want 1 and 60", n, b)
	}
	if s.Person("Vera") == s.voyager {
		t.Error("got the erased user, want a new one")
	}
	_, err = s.Moderation.ChangeUser(s.Ctx, s.Admin(), s.voyager, moderation.AccountChange{IsActive: new(true)})
	coretest.Is(t, err, users.ErrErased)
}

// Credits to an erased user are withdrawn again.
func TestEraseLocal(t *testing.T) {
	s := newScene(t)
	underWay, future := s.reservation(t, 1, true), s.reservation(t, 5, true)
	s.Clock.Advance(90 * time.Minute)
	coretest.Is(t, s.Privacy.Erase(s.Ctx, s.local, coretest.Password, users.Device{}), nil)
	if f := s.Funds(s.voyager); f != (reservations.Funds{Balance: 40, Held: 10}) {
		t.Errorf("the voyager has %+v, want 40 and 10 held", f)
	}
	s.Clock.Advance(time.Hour)
	_, err := s.Reservations.Settle(s.Ctx)
	coretest.Is(t, err, nil)
	if got := s.status(t, s.voyager, underWay); got != reservations.Completed {
		t.Errorf("the reservation that had begun is %s", got)
	}
	if got := s.status(t, s.voyager, future); got != reservations.Cancelled {
		t.Errorf("the reservation that had not begun is %s", got)
	}
	_, err = s.Moderation.PostTokens(s.Ctx, s.Admin(), s.local, moderation.Adjustment{Type: tokens.Bonus, Amount: 5, Reason: "late"}, "")
	coretest.Is(t, err, nil)
	ledger, err := s.Tokens.Transactions(s.Ctx, s.local, page.Request[int64]{})
	coretest.Is(t, err, nil)
	var got []string
	for _, l := range ledger.Items {
		got = append(got, fmt.Sprintf("%s %d", l.Type, l.Amount))
	}
	want := "WITHDRAWAL -5, BONUS 5, WITHDRAWAL -10, ACTIVITY_RECEIPT 10, WITHDRAWAL -50, SIGNUP_BONUS 50"
	if strings.Join(got, ", ") != want {
		t.Errorf("the ledger is %s, want %s", strings.Join(got, ", "), want)
	}
}

// The erasure of a local posts refunds to wallets before and after the local's own in the order of
// user ids.
func TestEraseHoldsWalletsInOrder(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	s := scene{World: w, voyager: w.Person("Vera"), local: w.Local("Luca")}
	s.talk = w.Conversation(s.voyager, s.local)
	s.reservation(t, 1, true)
	later := scene{World: w, voyager: w.Person("Zoe"), local: s.local}
	later.talk = w.Conversation(later.voyager, s.local)
	later.reservation(t, 3, true)

	coretest.Is(t, s.Privacy.Erase(s.Ctx, s.local, coretest.Password, users.Device{}), nil)

	for _, voyager := range []id.User{s.voyager, later.voyager} {
		if funds := s.Funds(voyager); funds != (reservations.Funds{Balance: 50}) {
			t.Errorf("a voyager has %+v", funds)
		}
	}
}

func TestEraseErrors(t *testing.T) {
	s := newScene(t)
	admin := s.Admin()
	s.Unchanged(func() {
		coretest.Fields(t, s.Privacy.Erase(s.Ctx, s.voyager, "wrong horse", users.Device{}), "password")
		coretest.Fields(t, s.Privacy.Erase(s.Ctx, s.voyager, "", users.Device{}), "password")
		coretest.Is(t, s.Privacy.Erase(s.Ctx, admin, coretest.Password, users.Device{}), users.ErrLastAdmin)
		coretest.Is(t, s.Privacy.Erase(s.Ctx, id.User(s.IDs.Next()), coretest.Password, users.Device{}), users.ErrNotSignedIn)
	})
	// The password changes while the old one is verified.
	s.Hasher.AfterVerify = func() {
		s.Hasher.AfterVerify = nil
		coretest.Is(t, s.Users.ChangePassword(s.Ctx, s.voyager, coretest.Password, "another horse", users.Device{}), nil)
	}
	coretest.Fields(t, s.Privacy.Erase(s.Ctx, s.voyager, coretest.Password, users.Device{}), "password")
	s.SetActive(s.voyager, false)
	coretest.Is(t, s.Privacy.Erase(s.Ctx, s.voyager, "another horse", users.Device{}), users.ErrNotSignedIn)
	_, err := s.Privacy.Export(s.Ctx, users.Caller{UserID: s.voyager})
	coretest.Is(t, err, users.ErrNotSignedIn)
}

// Erase does not check the password of an account without one.
func TestEraseWithoutPassword(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	user := id.User(w.IDs.Next())
	err := w.Store.Do(w.Ctx, func(ctx context.Context, tx ports.Tx) error {
		u := users.User{
			ID: user, Name: "Otto", Email: "otto@example.org", Role: users.RoleUser, IsActive: true, Version: 1,
			CreatedAt: w.Clock.Now(), UpdatedAt: w.Clock.Now(),
		}
		if _, err := tx.Users().Add(ctx, u, users.PasswordHash{}); err != nil {
			return err
		}
		return w.Ledger.Open(ctx, tx, user)
	})
	coretest.Is(t, err, nil)
	coretest.Is(t, w.Privacy.Erase(w.Ctx, user, "", users.Device{}), nil)
	_, err = w.Users.Me(w.Ctx, user)
	coretest.Is(t, err, users.ErrNotSignedIn)
}

func TestConcurrentErase(t *testing.T) {
	t.Run("of all admins", func(t *testing.T) {
		w := coretest.NewWorld(t, memory.New())
		var admins []id.User
		for i := range 6 {
			admins = append(admins, w.AdminNamed(fmt.Sprintf("Admin%d", i)))
		}
		errs := coretest.AtOnce(len(admins), func(i int) error { return w.Privacy.Erase(w.Ctx, admins[i], coretest.Password, users.Device{}) })
		if gone, kept := coretest.Count(errs, nil), coretest.Count(errs, users.ErrLastAdmin); gone != 5 || kept != 1 {
			t.Errorf("%d were erased and %d stayed, want 5 and 1: %v", gone, kept, errs)
		}
	})
	t.Run("with other use cases", func(t *testing.T) {
		for range 20 {
			s := newScene(t)
			r := s.reservation(t, 2, false)
			coretest.AtOnce(5, func(i int) error {
				switch i {
				case 0:
					return s.Privacy.Erase(s.Ctx, s.local, coretest.Password, users.Device{})
				case 1:
					_, err := s.Reservations.Accept(s.Ctx, s.local, r, "")
					return err
				case 2:
					_, err := s.Users.SignIn(s.Ctx, users.SignIn{Email: coretest.Email("Luca"), Password: coretest.Password})
					return err
				case 3:
					date := s.Clock.Now().Add(9 * time.Hour)
					_, err := s.Reservations.Propose(s.Ctx, s.voyager, s.talk, reservations.Proposal{
						Title: "A race", Date: date, EndDate: date.Add(time.Hour)}, "")
					return err
				default:
					_, err := s.Matching.SaveProfile(s.Ctx, s.local, matching.Profile{FirstName: "Lucky"}, nil)
					return err
				}
			})
			if f := s.Funds(s.voyager); f != (reservations.Funds{Balance: 50}) {
				t.Fatalf("the voyager has %+v, want 50 and 0 held", f)
			}
			if strings.Contains(s.Rows(), "Lucky") {
				t.Fatal("the store holds a profile of an erased user")
			}
		} // each world is audited at the end of the test
	})
}

var _ privacy.Tx = ports.Tx(nil)
