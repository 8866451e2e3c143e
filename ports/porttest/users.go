package porttest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// usersTests tests the accounts.
var usersTests = []test{
	{"an account comes back as it was added", userAdded},
	{"an address is taken in any spelling", addressTaken},
	{"concurrent adds of one address create one account", addressRace},
	{"saving leaves address and password alone", userSaved},
	{"a password is set without the rest", passwordSet},
	{"pinned accounts are returned by id, once each", pinned},
	{"a held account is returned as it is stored", heldUsers},
	{"the other active admins are counted", adminsCounted},
	{"erasing frees the address and removes password, sessions and reset", userErased},
	{"after an erasure, concurrent adds of the address create one account", erasedAddressRace},
	{"filters select accounts", userFilters},
	{"a query is matched literally", userQuery},
	{"pages of accounts hold each once", userPages},
}

// accountOf reads an account.
func (f *fixture) accountOf(user id.User) users.User {
	f.Helper()
	return read(f, func(ctx context.Context, tx ports.Tx) (users.User, error) { return tx.Users().User(ctx, user) })
}

// byEmail reads an account by its address; found is false if no account has it.
func (f *fixture) byEmail(address string) (u users.User, password string, found bool) {
	f.Helper()
	f.view(func(ctx context.Context, tx ports.Tx) error {
		got, hash, err := tx.Users().ByEmail(ctx, address)
		if errors.Is(err, fault.NotFound) {
			return nil
		}
		u, password, found = got, hash.Reveal(), err == nil
		return err
	})
	return u, password, found
}

func userAdded(f *fixture) {
	want := f.newUser("ada")
	want.Email, want.Bio, want.Location, want.Role = "Ada.Lovelace@Example.ORG", "I count.", "London", users.RoleAdmin
	want.IsActive, want.UpdatedAt = false, noon.Add(time.Second)
	handedIn := want
	handedIn.Version = 0 // the store sets the version
	created := write(f, func(ctx context.Context, tx ports.Tx) (bool, error) {
		return tx.Users().Add(ctx, handedIn, hashOf("secret"))
	})
	f.same("created", created, true)
	f.same("the account", f.accountOf(want.ID), want)
	got, password, found := f.byEmail(want.Email)
	f.same("found by its address", found, true)
	f.same("the account by its address", got, want)
	f.same("its password", password, hashOf("secret").Reveal())
	alone := read(f, func(ctx context.Context, tx ports.Tx) (users.PasswordHash, error) {
		return tx.Users().Password(ctx, want.ID)
	})
	f.same("its password alone", alone.Reveal(), hashOf("secret").Reveal())
}

// sameAddress lists spellings of one address.
var sameAddress = [][]string{
	{"ada@example.org", "ADA@example.org", "Ada@EXAMPLE.ORG"},
	{"josé@example.org", "jose\u0301@example.org", "JOSÉ@example.org", "JOSE\u0301@Example.org"},
	{"strasse@example.org", "straße@example.org", "STRASSE@example.org"},
	{"σίσυφος@example.org", "ΣΊΣΥΦΟΣ@example.org"},
	{"ada@bücher.example", "ada@xn--bcher-kva.example", "Ada@BU\u0308CHER.example"},
	{"ben@example.org", " ben@example.org\u200b"},
}

func addressTaken(f *fixture) {
	for _, forms := range sameAddress {
		first := f.account("first", func(u *users.User) { u.Email = forms[0] })
		before := f.dump()
		for _, form := range forms {
			again := f.newUser("again")
			again.Email = form
			created := write(f, func(ctx context.Context, tx ports.Tx) (bool, error) {
				return tx.Users().Add(ctx, again, hashOf("again"))
			})
			if created {
				f.Errorf("an account with the address %s was added although %s is taken", form, forms[0])
			}
			got, password, _ := f.byEmail(form)
			f.same("the account under "+form, got, first)
			f.same("its password", password, hashOf("first").Reveal())
		}
		f.unchanged("an address that is taken", before)
	}
	for _, other := range []string{
		"ada@example.com", "ada2@example.org", "jose@example.org", "ada@example.or", "da@example.org", "ada@bucher.example",
		"ada@faß.example", "ada@fass.example",
	} {
		f.account("other", func(u *users.User) { u.Email = other })
	}
}

func addressRace(f *fixture) {
	for round := range rounds(3, 200) {
		forms := sameAddress[round%len(sameAddress)]
		created := make([]bool, 12)
		f.allConcurrently(len(created), func(i int) error {
			u := f.newUser("racer")
			u.Email = strings.Replace(forms[i%len(forms)], "@", fmt.Sprintf("+%d@", round), 1)
			return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) (err error) {
				created[i], err = tx.Users().Add(ctx, u, hashOf("x"))
				return err
			})
		})
		f.same("the number of units that added the account", len(filter(created, func(b bool) bool { return b })), 1)
		all := read(f, func(ctx context.Context, tx ports.Tx) ([]users.User, error) {
			return tx.Users().List(ctx, users.Filter{Query: text.SearchFold(fmt.Sprintf("+%d@", round))}, nil, 100)
		})
		f.same("the number of accounts", len(all), 1)
	}
}

func userSaved(f *fixture) {
	ada := f.account("ada")
	changed := users.User{
		ID: ada.ID, Name: "Countess", Email: "other@example.org", Bio: "b", Location: "l", Role: users.RoleAdmin,
		IsActive: false,
		Version:  1, CreatedAt: noon, UpdatedAt: noon.Add(time.Hour),
		Locale: "pt-BR", EmailVerifiedAt: noon.Add(time.Minute),
	}
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Users().Save(ctx, changed) })
	want := changed
	want.Email, want.Version = ada.Email, 2
	f.same("the account", f.accountOf(ada.ID), want)
	_, password, found := f.byEmail(ada.Email)
	f.same("found by the old address", found, true)
	f.same("the password", password, hashOf("ada").Reveal())
	_, _, found = f.byEmail("other@example.org")
	f.same("found by another address", found, false)
}

func passwordSet(f *fixture) {
	ada := f.account("ada")
	f.do(func(ctx context.Context, tx ports.Tx) error {
		return tx.Users().SetPassword(ctx, ada.ID, hashOf("new"), noon.Add(time.Hour))
	})
	got, password, _ := f.byEmail(ada.Email)
	f.same("the password", password, hashOf("new").Reveal())
	f.same("when it changed", got.UpdatedAt, noon.Add(time.Hour))
	got.UpdatedAt, got.Version = ada.UpdatedAt, ada.Version
	f.same("the rest", got, ada)
}

func pinned(f *fixture) {
	all := []users.User{f.account("ada"), f.account("ben"), f.account("cleo")}
	got := write(f, func(ctx context.Context, tx ports.Tx) ([]users.User, error) {
		return tx.Users().Pin(ctx, all[2].ID, all[0].ID, all[1].ID, all[2].ID)
	})
	sameList(f, "pinned accounts", got, all)
}

func heldUsers(f *fixture) {
	ada := f.account("ada")
	got := write(f, func(ctx context.Context, tx ports.Tx) (users.User, error) { return tx.Users().Hold(ctx, ada.ID) })
	f.same("the account that is held", got, ada)
	again := write(f, func(ctx context.Context, tx ports.Tx) (users.User, error) {
		u, err := tx.Users().Hold(ctx, ada.ID)
		if err != nil {
			return users.User{}, err
		}
		u.Bio = "mine"
		if err := tx.Users().Save(ctx, u); err != nil {
			return users.User{}, err
		}
		return tx.Users().Hold(ctx, ada.ID) // returns the unit's own change
	})
	f.same("the account, held again", fmt.Sprint(again.Bio, again.Version), "mine2")
}

func adminsCounted(f *fixture) {
	ada, ben := f.account("ada", admin), f.account("ben", admin)
	user := f.account("user")
	f.account("former", admin, inactive)
	for _, c := range []struct {
		who    users.User
		others int
	}{{ada, 1}, {ben, 1}, {user, 2}} {
		var others int
		u := write(f, func(ctx context.Context, tx ports.Tx) (u users.User, err error) {
			u, others, err = tx.Users().HoldWithAdmins(ctx, c.who.ID)
			return u, err
		})
		f.same("the account", u, c.who)
		f.same("the admins other than "+c.who.Name, others, c.others)
	}
}

func userErased(f *fixture) {
	ada, ben := f.account("ada"), f.account("ben")
	session, refresh := f.session(ada.ID)
	kept, _ := f.session(ben.ID)
	reset := f.addReset(ada.ID, noon, 3)
	f.addReset(ada.ID, noon, 3)

	stale := erased(ada)
	stale.Version = 3
	before := f.dump()
	err := f.once(func(ctx context.Context, tx ports.Tx) error { return tx.Users().Erase(ctx, stale) })
	if !errors.Is(err, uow.ErrConflict) {
		f.Errorf("erasing a stale account returned %v, want ErrConflict", err)
	}
	f.unchanged("a stale erasure", before)

	f.do(f.erase(ada.ID))
	want := erased(ada)
	want.Version = 2
	f.same("the account", f.accountOf(ada.ID), want)
	_, _, found := f.byEmail(ada.Email)
	f.same("found by its address", found, false)
	hash := read(f, func(ctx context.Context, tx ports.Tx) (users.PasswordHash, error) {
		return tx.Users().Password(ctx, ada.ID)
	})
	f.same("it has no password", hash.IsZero(), true)
	sessions := f.sessionsOf(ada.ID)
	f.same("its sessions", len(sessions), 0)
	for _, proof := range []call{
		{"a session", func(ctx context.Context, tx ports.Tx) error {
			_, _, err := tx.Users().Session(ctx, session.ID)
			return err
		}},
		discarding("a refresh token", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Users().UseRefreshToken(ctx, refresh.Hash, noon)
		}),
		discarding("a reset", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Users().Reset(ctx, reset.Hash)
		}),
	} {
		if err := f.try(proof.run); !errors.Is(err, fault.NotFound) {
			f.Errorf("reading %s of an erased account returned %v, want not found", proof.name, err)
		}
	}
	f.same("another account's session", f.sessionOf(kept.ID), kept)
	f.rowCount(ports.Sessions, 1)
	f.rowCount(ports.RefreshTokens, 1)
	f.rowCount(ports.PasswordResets, 0)
	again := f.account("again", func(u *users.User) { u.Email = ada.Email })
	got, _, _ := f.byEmail(ada.Email)
	f.same("the account that has the address now", got, again)
	f.do(f.erase(ben.ID)) // a second one without an address
	f.do(f.erase(again.ID))
}

func erasedAddressRace(f *fixture) {
	for round := range rounds(3, 100) {
		ada := f.account(fmt.Sprintf("ada%d", round))
		f.do(f.erase(ada.ID))
		created := make([]bool, 8)
		f.allConcurrently(len(created), func(i int) error {
			u := f.newUser("next")
			u.Email = ada.Email
			return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) (err error) {
				created[i], err = tx.Users().Add(ctx, u, hashOf("x"))
				return err
			})
		})
		f.same("the number of units that got the address", len(filter(created, func(b bool) bool { return b })), 1)
	}
}

// names lists the names of the accounts that match a filter, newest first.
func (f *fixture) names(filter users.Filter) []string {
	f.Helper()
	list := read(f, func(ctx context.Context, tx ports.Tx) ([]users.User, error) {
		return tx.Users().List(ctx, filter, nil, 100)
	})
	var names []string
	for _, u := range list {
		names = append(names, u.Name)
	}
	return names
}

func userFilters(f *fixture) {
	for i, u := range []struct {
		name   string
		change func(*users.User)
	}{
		{"ada", admin}, {"ben", func(u *users.User) {}}, {"cleo", inactive}, {"dora", func(u *users.User) {
			admin(u)
			inactive(u)
		}},
		{"JOSÉ Groß", func(u *users.User) { u.Email = "Mixed.Case@Example.COM" }},
	} {
		f.account(u.name, u.change, func(x *users.User) { x.CreatedAt = noon.Add(time.Duration(i) * time.Second) })
	}
	for _, c := range []struct {
		filter users.Filter
		want   []string
	}{
		{users.Filter{}, []string{"JOSÉ Groß", "dora", "cleo", "ben", "ada"}},
		{users.Filter{Role: users.RoleAdmin}, []string{"dora", "ada"}},
		{users.Filter{Role: users.RoleUser}, []string{"JOSÉ Groß", "cleo", "ben"}},
		{users.Filter{IsActive: ptr(true)}, []string{"JOSÉ Groß", "ben", "ada"}},
		{users.Filter{IsActive: ptr(false)}, []string{"dora", "cleo"}},
		{users.Filter{Role: users.RoleAdmin, IsActive: ptr(true)}, []string{"ada"}},
		{users.Filter{Query: text.SearchFold("jose\u0301")}, []string{"JOSÉ Groß"}},
		{users.Filter{Query: text.SearchFold("jose g")}, []string{"JOSÉ Groß"}},
		{users.Filter{Query: text.SearchFold("GROSS")}, []string{"JOSÉ Groß"}},
		{users.Filter{Query: text.SearchFold("mixed.CASE")}, []string{"JOSÉ Groß"}},
		{users.Filter{Query: text.SearchFold("@example.org")}, []string{"dora", "cleo", "ben", "ada"}},
		{users.Filter{Query: text.SearchFold("o"), IsActive: ptr(false)}, []string{"dora", "cleo"}},
		{users.Filter{Query: text.SearchFold("unknown")}, nil},
		{users.Filter{Query: text.SearchFold("ada"), Role: users.RoleUser}, nil},
	} {
		f.same(fmt.Sprintf("accounts of %+v", c.filter), f.names(c.filter), c.want)
	}
	ben, _, _ := f.byEmail("ben@example.org")
	f.do(f.erase(ben.ID))
	f.same("an erased account by its address", f.names(users.Filter{Query: text.SearchFold("ben")}), []string(nil))
	f.same("an erased account by its new name", f.names(users.Filter{Query: text.SearchFold(users.DeletedName)}),
		[]string{users.DeletedName})
}

func userQuery(f *fixture) {
	odd := []string{"a%b", "a_b", `a\b`, "a.b", "a*b", "a[b", "a(b", "a^b", "a$b", "a'b", `a"b`, "a?b", "a+b", "a|b",
		"a{b"}
	for i, name := range odd {
		f.account(name, func(u *users.User) { u.Email = fmt.Sprintf("user%d@example.org", i) })
	}
	f.account("axb", func(u *users.User) { u.Email = "user-x@example.org" })
	for _, name := range odd {
		f.same("accounts with "+name, f.names(users.Filter{Query: text.SearchFold(name)}), []string{name})
		f.same("accounts with "+name[1:], f.names(users.Filter{Query: text.SearchFold(name[1:])}), []string{name})
	}
	f.same("accounts with .*", f.names(users.Filter{Query: text.SearchFold(".*")}), []string(nil))
}

func userPages(f *fixture) {
	var all []users.User
	for i := range paged {
		all = append(all, f.account(fmt.Sprint("user", i), func(u *users.User) {
			u.CreatedAt, u.IsActive = tie(i), i%2 == 0
		}))
	}
	all = newestFirst(all, func(u users.User) time.Time { return u.CreatedAt }, func(u users.User) id.User {
		return u.ID
	})
	fetch := func(filter users.Filter) func(context.Context, ports.Tx, *page.Moment, int) ([]users.User, error) {
		return func(ctx context.Context, tx ports.Tx, after *page.Moment, limit int) ([]users.User, error) {
			return tx.Users().List(ctx, filter, after, limit)
		}
	}
	pages(f, "all accounts", all, users.Place, fetch(users.Filter{}))
	pages(f, "active accounts", filter(all, func(u users.User) bool { return u.IsActive }), users.Place,
		fetch(users.Filter{IsActive: ptr(true)}))
}
