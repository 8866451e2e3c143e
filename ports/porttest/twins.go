package porttest

import (
	"context"
	"fmt"
	"slices"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// twinTests tests accounts that have one address, because they were made when the rules of text
// were others.
var twinTests = []test{
	{"a twin is found by its exact address, and its sibling by any other", twinFound},
	{"an account with the address of a twin is not added", twinAddressTaken},
	{"an address is changed unless it is taken", emailSet},
	{"an erased account is no twin", twinErased},
}

// twins adds an account, and twins of it with other spellings of its address.
func (f *fixture) twins(first string, others ...string) []users.User {
	f.Helper()
	all := []users.User{f.account("first", func(u *users.User) { u.Email = first })}
	for i, email := range others {
		u := f.account(fmt.Sprint("twin", i))
		u.Email, u.Twin = email, true
		set := write(f, func(ctx context.Context, tx ports.Tx) (bool, error) { return tx.Users().SetEmail(ctx, u) })
		f.same("made a twin", set, true)
		u.Version++
		all = append(all, u)
	}
	return all
}

func (f *fixture) withAddress(email string) []users.User {
	f.Helper()
	return read(f, func(ctx context.Context, tx ports.Tx) ([]users.User, error) {
		return tx.Users().WithAddress(ctx, text.FoldAddress(email))
	})
}

func twinFound(f *fixture) {
	all := f.twins("zoe@xn--bcher-kva.example", "Zoe@bücher.example", "zoe@bücher.example ")
	f.account("other")
	for _, c := range []struct {
		email string
		want  users.User
	}{
		{all[0].Email, all[0]}, {all[1].Email, all[1]}, {all[2].Email, all[2]},
		{"zoe@bücher.example", all[0]}, {"ZOE@xn--bcher-kva.example", all[0]}, {" " + all[1].Email, all[0]},
	} {
		got, password, _ := f.byEmail(c.email)
		f.same("the account under "+c.email, got, c.want)
		f.same("its password", password, hashOf(c.want.Name).Reveal())
	}
	f.same("the accounts with the address", f.withAddress("ZOE@bücher.example"), all)
	f.same("the accounts with no address", len(f.withAddress("")), 0)
	f.do(f.erase(all[0].ID))
	_, _, found := f.byEmail("zoe@bücher.example")
	f.same("a twin is found by another spelling", found, false)
	got, _, _ := f.byEmail(all[1].Email)
	f.same("a twin whose sibling is gone", got, all[1])
}

func twinAddressTaken(f *fixture) {
	all := f.twins("zoe@xn--bcher-kva.example", "Zoe@bücher.example")
	add := func(email string) bool {
		u := f.newUser("again")
		u.Email = email
		return write(f, func(ctx context.Context, tx ports.Tx) (bool, error) { return tx.Users().Add(ctx, u, hashOf("x")) })
	}
	f.same("added beside both", add("zoe@bücher.example"), false)
	f.do(f.erase(all[0].ID))
	f.same("added beside a twin", add("zoe@bücher.example"), false)
	f.do(f.erase(all[1].ID))
	f.same("added after both", add("zoe@bücher.example"), true)
}

func emailSet(f *fixture) {
	all := f.twins("zoe@xn--bcher-kva.example", "Zoe@bücher.example")
	ben := f.account("ben")
	set := func(u users.User) bool {
		return write(f, func(ctx context.Context, tx ports.Tx) (bool, error) { return tx.Users().SetEmail(ctx, u) })
	}
	before := f.dump()
	for _, taken := range []string{"zoe@bücher.example", "BEN@example.org"} {
		u := all[1]
		u.Email, u.Twin = taken, false
		f.same("saved with "+taken, set(u), false)
	}
	f.unchanged("an address that is taken", before)

	changed := all[1]
	changed.Email, changed.Twin, changed.Name, changed.UpdatedAt = "Zora@example.org", false, "Zora", noon
	f.same("saved with a free address", set(changed), true)
	changed.Version++
	f.same("the account", f.accountOf(changed.ID), changed)
	got, password, _ := f.byEmail("zora@EXAMPLE.org")
	f.same("the account under its address", got, changed)
	f.same("its password", password, hashOf(all[1].Name).Reveal())
	f.same("the accounts with the address before", f.withAddress(all[0].Email), all[:1])
	f.same("accounts by a part of the address", f.names(users.Filter{Query: text.SearchFold("zora@")}), []string{"Zora"})

	respelled := ben
	respelled.Email = "Ben@Example.org"
	f.same("saved with another spelling", set(respelled), true)
	f.account("zoe", func(u *users.User) { u.Email = "zoë@example.org" })
}

func twinErased(f *fixture) {
	all := f.twins("zoe@xn--bcher-kva.example", "Zoe@bücher.example")
	f.do(f.erase(all[1].ID))
	want := erased(all[1])
	want.Twin, want.Version = false, 3
	f.same("the account", f.accountOf(want.ID), want)
	f.same("the accounts with the address", f.withAddress(all[1].Email), all[:1])
}

// grantTests tests the memory of the bonuses that were given.
var grantTests = []test{
	{"a key of the store stays", keyStays},
	{"concurrent units get one key", keyRace},
	{"a bonus is granted once, also after an erasure", grantedOnce},
	{"of concurrent units, one grants a bonus", grantRace},
}

func (f *fixture) key(ctx context.Context, tx ports.Tx, name string, fresh users.SecretHash) (string, error) {
	key, err := tx.Users().Key(ctx, name, fresh[:])
	return string(key), err
}

func keyStays(f *fixture) {
	first, second := f.secret(), f.secret()
	for _, c := range []struct {
		name  string
		fresh users.SecretHash
		want  users.SecretHash
	}{{"a", first, first}, {"a", second, first}, {"b", second, second}} {
		got := write(f, func(ctx context.Context, tx ports.Tx) (string, error) { return f.key(ctx, tx, c.name, c.fresh) })
		f.same("the key "+c.name, got, string(c.want[:]))
	}
	f.rowCount(ports.StoreKeys, 2)
}

func keyRace(f *fixture) {
	for round := range rounds(3, 60) {
		keys := make([]string, 8)
		f.allConcurrently(len(keys), func(i int) error {
			fresh := f.secret()
			return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) (err error) {
				keys[i], err = f.key(ctx, tx, fmt.Sprint("key", round), fresh)
				return err
			})
		})
		f.same("the number of different keys", len(slices.Compact(slices.Sorted(slices.Values(keys)))), 1)
	}
}

func (f *fixture) grant(address users.SecretHash) bool {
	f.Helper()
	return write(f, func(ctx context.Context, tx ports.Tx) (bool, error) { return tx.Users().Grant(ctx, address) })
}

func grantedOnce(f *fixture) {
	ada := f.account("ada")
	hash := users.HashGrant([]byte("key"), text.FoldAddress(ada.Email))
	f.same("granted", f.grant(hash), true)
	f.same("granted again", f.grant(hash), false)
	f.do(f.erase(ada.ID))
	f.same("granted after an erasure", f.grant(hash), false)
	f.same("another one granted", f.grant(f.secret()), true)
	f.rowCount(ports.SignupGrants, 2)
}

func grantRace(f *fixture) {
	for range rounds(3, 100) {
		hash, granted := f.secret(), make([]bool, 8)
		f.allConcurrently(len(granted), func(i int) error {
			return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) (err error) {
				granted[i], err = tx.Users().Grant(ctx, hash)
				return err
			})
		})
		f.same("the number of units that granted it", len(filter(granted, func(b bool) bool { return b })), 1)
	}
}

// interestTwins tests interests that have one name.
func interestTwins(f *fixture) {
	hiking := f.interest("Hiking")
	twin := f.newInterest("Hiking ")
	twin.Twin = true
	f.do(func(ctx context.Context, tx ports.Tx) error {
		return tx.Rows().Write(ctx, ports.Interests, []ports.Row{ports.InterestLayout.Row(twin)})
	})
	both := []matching.Interest{hiking, twin}
	for _, limit := range []int{1, 5} {
		var all []matching.Interest
		for after := (*matching.NamePlace)(nil); ; {
			got := read(f, func(ctx context.Context, tx ports.Tx) ([]matching.Interest, error) {
				return tx.Matching().AllInterests(ctx, false, after, limit)
			})
			all = append(all, got...)
			if len(got) < limit {
				break
			}
			after = ptr(matching.PlaceOfInterest(got[len(got)-1]))
		}
		sameList(f, fmt.Sprintf("all interests, by %d", limit), all, both)
	}
	ada := f.user("ada")
	f.profile(ada, hiking, twin)
	_, linked := f.profileOf(ada.ID)
	sameList(f, "the interests of a profile", linked, both)

	add := func(name string) bool {
		i := f.newInterest(name)
		return write(f, func(ctx context.Context, tx ports.Tx) (bool, error) { return tx.Matching().AddInterest(ctx, i) })
	}
	f.same("added beside both", add("hiking"), false)
	for _, i := range []*matching.Interest{&hiking, &twin} {
		i.IsActive = !i.IsActive
		f.same("saved under its own name", f.saveInterest(*i), true)
	}
	hiking.Name = "Walking"
	f.same("saved under another name", f.saveInterest(hiking), true)
	f.same("added beside a twin", add("HIKING"), false)
	hiking.Name = "hiking"
	f.same("saved under the name of a twin", f.saveInterest(hiking), false)
	twin.Name, twin.Twin = "Climbing", false
	f.same("saved under a name of its own", f.saveInterest(twin), true)
	got := read(f, func(ctx context.Context, tx ports.Tx) ([]matching.Interest, error) {
		return tx.Matching().Interests(ctx, twin.ID, id.Interest(f.ids.Next()))
	})
	sameList(f, "the interest that was a twin", got, []matching.Interest{twin})
	f.same("added after both", add("hiking"), true)
}
