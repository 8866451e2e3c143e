package moderation_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
)

func TestChangeUser(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, admin := w.Person("Ada"), w.Admin()
	before, err := w.Users.Me(w.Ctx, ada)
	coretest.Is(t, err, nil)
	in := w.SignIn("Ada")
	want := before
	for _, step := range []struct {
		change  moderation.AccountChange
		details moderation.Details
	}{
		{moderation.AccountChange{Role: to(users.RoleAdmin), Reason: "she knows"}, moderation.Details{"role": "admin", "role_before": "user"}},
		{moderation.AccountChange{IsActive: to(false), Reason: "a rest"}, moderation.Details{"is_active": "false", "is_active_before": "true"}},
		{moderation.AccountChange{Role: to(users.RoleUser), IsActive: to(true), Reason: strings.Repeat("é", 500)},
			moderation.Details{"role": "user", "role_before": "admin", "is_active": "true", "is_active_before": "false"}},
		{moderation.AccountChange{IsActive: to(false), Role: to(users.RoleUser)}, moderation.Details{"is_active": "false", "is_active_before": "true"}},
	} {
		w.Clock.Advance(time.Minute)
		step.change.SignedInAt = w.Clock.Now()
		got, err := w.Moderation.ChangeUser(w.Ctx, admin, ada, step.change)
		coretest.Is(t, err, nil)
		if step.change.Role != nil {
			want.Role = *step.change.Role
		}
		if step.change.IsActive != nil {
			want.IsActive = *step.change.IsActive
		}
		want.Version++
		want.UpdatedAt = w.Clock.Now()
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if stored, err := w.Moderation.User(w.Ctx, admin, ada); err != nil || stored != want {
			t.Errorf("stored %+v with error %v, want %+v", stored, err, want)
		}
		record := audits(t, w)[0]
		if record.ActorID != admin || record.Action != moderation.ActionUserChanged || record.SubjectID != id.Subject(ada) ||
			record.Reason != step.change.Reason || !maps.Equal(record.Details, step.details) || !record.CreatedAt.Equal(w.Clock.Now()) {
			t.Errorf("the audit record is %+v, want the details %v", record, step.details)
		}
	}
	_, err = w.Users.Authenticate(w.Ctx, in.AccessToken)
	coretest.Is(t, err, users.ErrNotSignedIn)
}

func TestChangeUserWithoutChange(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, admin := w.Person("Ada"), w.Admin()
	w.Clock.Advance(time.Minute)
	w.Unchanged(func() {
		for _, c := range []moderation.AccountChange{
			{}, {Reason: "none"}, {Role: to(users.RoleUser)}, {IsActive: to(true)}, {Role: to(users.RoleUser), IsActive: to(true)},
		} {
			c.SignedInAt = w.Clock.Now()
			got, err := w.Moderation.ChangeUser(w.Ctx, admin, ada, c)
			if err != nil || got.ID != ada {
				t.Errorf("%+v: got %+v and error %v, want Ada unchanged", c, got, err)
			}
		}
	})
}

func TestChangeUserErrors(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, erased, admin := w.Person("Ada"), w.Person("Erased"), w.Admin()
	coretest.Is(t, w.Privacy.Erase(w.Ctx, erased, coretest.Password, users.Device{}), nil)
	change := func(by, of id.User, c moderation.AccountChange) error {
		c.SignedInAt = w.Clock.Now()
		_, err := w.Moderation.ChangeUser(w.Ctx, by, of, c)
		return err
	}
	w.Unchanged(func() {
		for _, role := range []users.Role{users.RoleUser, users.RoleAdmin, "king"} { // no own role can be set
			coretest.Is(t, change(admin, admin, moderation.AccountChange{Role: &role}), users.ErrOwnRole)
			coretest.Is(t, change(ada, ada, moderation.AccountChange{Role: &role}), users.ErrOwnRole)
		}
		coretest.Is(t, change(admin, admin, moderation.AccountChange{IsActive: to(false)}), users.ErrLastAdmin)
		coretest.Is(t, change(admin, erased, moderation.AccountChange{IsActive: to(true)}), users.ErrErased)
		coretest.Is(t, change(admin, erased, moderation.AccountChange{Role: to(users.RoleAdmin)}), users.ErrErased)
		coretest.Is(t, change(admin, id.User(w.IDs.Next()), moderation.AccountChange{IsActive: to(true)}), users.ErrNotFound)
		coretest.Fields(t, change(admin, ada, moderation.AccountChange{Role: to(users.Role("king"))}), "role")
		coretest.Fields(t, change(admin, id.User(w.IDs.Next()), moderation.AccountChange{Reason: strings.Repeat("é", 501)}), "reason")
	})
	for err, kind := range map[error]fault.Kind{users.ErrOwnRole: fault.Forbidden, users.ErrLastAdmin: fault.Conflict, users.ErrErased: fault.Conflict} {
		coretest.Is(t, err, kind)
	}

	second := w.AdminNamed("Second")
	coretest.Is(t, change(admin, admin, moderation.AccountChange{IsActive: to(false)}), nil) // there is another admin now
	coretest.Is(t, change(second, admin, moderation.AccountChange{Role: to(users.RoleUser)}), nil)
	coretest.Is(t, change(second, second, moderation.AccountChange{IsActive: to(false)}), users.ErrLastAdmin)
	_, err := w.Moderation.MakeAdmin(w.Ctx, coretest.Email("Admin")) // this admin reads the audit trail
	coretest.Is(t, err, nil)
}

func TestChangeOfRoleNeedsRecentSignIn(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, admin := w.Person("Ada"), w.Admin()
	change := func(c moderation.AccountChange) error {
		_, err := w.Moderation.ChangeUser(w.Ctx, admin, ada, c)
		return err
	}
	signedIn := w.Clock.Now()
	w.Clock.Advance(moderation.DefaultPolicy().MaxSignInAge)
	coretest.Is(t, change(moderation.AccountChange{Role: to(users.RoleAdmin), SignedInAt: signedIn}), nil)
	w.Clock.Advance(time.Millisecond)
	w.Unchanged(func() {
		for _, c := range []moderation.AccountChange{
			{Role: to(users.RoleUser), SignedInAt: signedIn}, {Role: to(users.RoleUser)},
			{Role: to(users.RoleAdmin), IsActive: to(false), SignedInAt: signedIn},
		} {
			coretest.Is(t, change(c), users.ErrSignInAgain)
		}
	})
	coretest.Is(t, change(moderation.AccountChange{IsActive: to(false)}), nil) // which needs no recent sign-in
}

func TestRemoveSecondFactor(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada := w.Person("Ada")
	w.Admin() // whose audit record is the one before
	enrolment, err := w.Users.SetUpSecondFactor(w.Ctx, ada, coretest.Password, users.Device{})
	coretest.Is(t, err, nil)
	_, err = w.Users.ConfirmSecondFactor(w.Ctx, ada, w.TOTP.CodeAt(enrolment.Secret, w.Clock.Now()), users.Device{})
	coretest.Is(t, err, nil)
	u, err := w.Moderation.RemoveSecondFactor(w.Ctx, coretest.Email("Ada"))
	if err != nil || u.SecondFactor {
		t.Errorf("got %+v, %v", u, err)
	}
	w.SignIn("Ada")
	record := audits(t, w)[0]
	if record.ActorID != (id.User{}) || record.Action != moderation.ActionFactorRemoved || record.SubjectID != id.Subject(ada) {
		t.Errorf("the audit record is %+v", record)
	}
}

// An active admin is left, after concurrent attempts of any kind to remove all of them.
func TestLastAdminStays(t *testing.T) {
	const admins = 6
	const mixed = "all three" // two attempts may remove the same admin
	ways := map[string]func(w *coretest.World, all []id.User, i int) error{
		"each deactivates themselves": func(w *coretest.World, all []id.User, i int) error {
			_, err := w.Moderation.ChangeUser(w.Ctx, all[i], all[i], moderation.AccountChange{IsActive: to(false)})
			return err
		},
		"each demotes the next": func(w *coretest.World, all []id.User, i int) error {
			_, err := w.Moderation.ChangeUser(w.Ctx, all[i], all[(i+1)%admins], moderation.AccountChange{
				Role: to(users.RoleUser), SignedInAt: w.Clock.Now(),
			})
			return err
		},
		"each erases themselves": func(w *coretest.World, all []id.User, i int) error {
			return w.Privacy.Erase(w.Ctx, all[i], coretest.Password, users.Device{})
		},
	}
	ways[mixed] = func(w *coretest.World, all []id.User, i int) error {
		return []func(w *coretest.World, all []id.User, i int) error{
			ways["each deactivates themselves"], ways["each demotes the next"], ways["each erases themselves"],
		}[i%3](w, all, i)
	}
	for name, try := range ways {
		t.Run(name, func(t *testing.T) {
			w := coretest.NewWorld(t, memory.New())
			var all []id.User
			for i := range admins {
				all = append(all, w.AdminNamed(fmt.Sprintf("Admin%d", i)))
			}
			errs := coretest.AtOnce(admins, func(i int) error { return try(w, all, i) })
			left := 0
			for _, one := range all {
				if u, err := w.Users.Me(w.Ctx, one); err == nil && u.Role == users.RoleAdmin {
					left++
				}
			}
			if left < 1 {
				t.Errorf("no admin is left: %v", errs)
			}
			if done := coretest.Count(errs, nil); name != mixed && left != admins-done {
				t.Errorf("%d attempts succeeded and %d admins are left: %v", done, left, errs)
			}
			allowed := []error{nil, users.ErrLastAdmin, users.ErrNotSignedIn, users.ErrAdminsOnly, users.ErrErased}
			for _, err := range errs {
				if !slices.ContainsFunc(allowed, func(want error) bool { return errors.Is(err, want) }) {
					t.Errorf("got error %v", err)
				}
			}
		})
	}
}

func TestUsers(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	admin := w.Admin()
	var made []id.User
	for _, in := range []users.SignUp{
		{Name: "Ada Lovelace", Email: "ada@example.org"}, {Name: "Jürgen Groß", Email: "jg@example.org"},
		{Name: "Luca", Email: "LUCA@ada.example.org"}, {Name: "100% Eve", Email: "eve_x@example.org"},
	} {
		w.Clock.Advance(time.Minute)
		in.Password = coretest.Password
		u, err := w.Users.Register(w.Ctx, in)
		coretest.Is(t, err, nil)
		made = append(made, u.ID)
	}
	ada, jurgen, luca, eve := made[0], made[1], made[2], made[3]
	w.SetActive(luca, false)
	for name, test := range map[string]struct {
		filter moderation.AccountFilter
		want   []id.User
	}{
		"all, newest first":      {moderation.AccountFilter{}, []id.User{eve, luca, jurgen, ada, admin}},
		"by name or address":     {moderation.AccountFilter{Query: "ADA"}, []id.User{luca, ada}},
		"without regard to case": {moderation.AccountFilter{Query: "JU\u0308RGEN GROSS"}, []id.User{jurgen}},
		"a percent sign":         {moderation.AccountFilter{Query: "0%"}, []id.User{eve}},
		"an underscore":          {moderation.AccountFilter{Query: "e_"}, []id.User{eve}},
		"no match":               {moderation.AccountFilter{Query: "zzz"}, nil},
		"admins":                 {moderation.AccountFilter{Role: users.RoleAdmin}, []id.User{admin}},
		"the inactive":           {moderation.AccountFilter{IsActive: to(false)}, []id.User{luca}},
		"the active":             {moderation.AccountFilter{IsActive: to(true), Role: users.RoleUser}, []id.User{eve, jurgen, ada}},
		"all fields":             {moderation.AccountFilter{Query: "ada", IsActive: to(true), Role: users.RoleUser}, []id.User{ada}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []id.User
			for r := (page.Request[page.Moment]{Limit: 2}); ; {
				p, err := w.Moderation.Users(w.Ctx, admin, test.filter, r)
				coretest.Is(t, err, nil)
				got = append(got, ids(p.Items, func(u users.User) id.User { return u.ID })...)
				if r.After = p.Next; r.After == nil {
					break
				}
			}
			same(t, "accounts", got, test.want...)
		})
	}
	list := func(f moderation.AccountFilter) error {
		_, err := w.Moderation.Users(w.Ctx, admin, f, first)
		return err
	}
	coretest.Fields(t, list(moderation.AccountFilter{Role: "king"}), "role")
	coretest.Fields(t, list(moderation.AccountFilter{Query: strings.Repeat("a", 255)}), "q")
	coretest.Fields(t, list(moderation.AccountFilter{Query: "\xff", Role: "king"}), "q", "role")
	_, err := w.Moderation.User(w.Ctx, admin, id.User(w.IDs.Next()))
	coretest.Is(t, err, users.ErrNotFound)
}

func TestAppoint(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada := w.Person("Ada")
	coretest.Is(t, w.Privacy.Erase(w.Ctx, w.Person("Gone"), coretest.Password, users.Device{}), nil)
	w.Clock.Advance(time.Minute)
	u, err := w.Moderation.MakeAdmin(w.Ctx, "ADA@example.org")
	coretest.Is(t, err, nil)
	if stored, err := w.Users.Me(w.Ctx, ada); err != nil || stored != u || u.Role != users.RoleAdmin || !u.UpdatedAt.Equal(w.Clock.Now()) {
		t.Errorf("got %+v, stored %+v with error %v, want an admin", u, stored, err)
	}
	record := audits(t, w)[1] // the newest record is the appointment of the admin who reads the trail
	if !record.ActorID.IsZero() || record.Action != moderation.ActionAdminAppointed || record.SubjectID != id.Subject(ada) || record.Reason == "" {
		t.Errorf("the audit record is %+v", record)
	}
	w.Unchanged(func() {
		again, err := w.Moderation.MakeAdmin(w.Ctx, "ada@example.org")
		if err != nil || again != u {
			t.Errorf("the repeat returned %+v with error %v, want %+v", again, err, u)
		}
		for _, email := range []string{"nobody@example.org", "gone@example.org", ""} {
			_, err := w.Moderation.MakeAdmin(w.Ctx, email)
			coretest.Is(t, err, users.ErrNotFound)
		}
	})

	w.SetActive(ada, false)
	u, err = w.Moderation.MakeAdmin(w.Ctx, "ada@example.org")
	if err != nil || !u.IsActive || u.Role != users.RoleAdmin {
		t.Errorf("got %+v with error %v, want an active admin", u, err)
	}
}
