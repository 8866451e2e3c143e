package released

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
)

// CheckFirst fails the test unless a store that the first schema made works after all migrations.
// The store holds a community.Scene, and texts that the rules of the first schema allowed:
//
//   - the accounts zoe@bücher.example and Zoe@xn--bcher-kva.example, and tail@example.org and
//     tail@example.org with a zero-width space at its end;
//   - the interests "Hiking" and "Hiking ";
//   - profiles in "São Paulo", "İstanbul" and "Berlin ", and a blank message;
//   - a password reset of voyager0@example.org, with the token "reset", which does not expire.
func CheckFirst(ctx context.Context, t testing.TB, c *community.Community) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	found, err := c.Auditor.Audit(ctx)
	check(err)
	if len(found.Violations) > 0 || found.Wallets != 9 || found.Transactions != 14 || found.Unsealed != 0 {
		t.Errorf("the audit found %+v", found)
	}

	signIn := func(email string) id.User {
		t.Helper()
		in, err := c.Users.SignIn(ctx, users.SignIn{Email: email, Password: community.Password})
		check(err)
		return in.User.ID
	}
	for _, pair := range [][2]string{
		{"zoe@bücher.example", "Zoe@xn--bcher-kva.example"}, {"tail@example.org", "tail@example.org\u200b"},
	} {
		a, b := signIn(pair[0]), signIn(pair[1])
		if a == b {
			t.Errorf("%q and %q sign in to one account", pair[0], pair[1])
		}
		if other := signIn(" " + pair[0]); other != a && other != b {
			t.Errorf("another spelling of %q signs in to %s", pair[0], other)
		}
		_, err := c.Users.Register(ctx, users.SignUp{Name: "New", Email: pair[1], Password: community.Password})
		if !errors.Is(err, users.ErrEmailTaken) {
			t.Errorf("%q is signed up again: %v", pair[1], err)
		}
	}
	ada := signIn("voyager0@example.org")
	for city, want := range map[string]string{"sao paulo": "Zoe", "ISTANBUL": "Zoë", "Berlin": "Tail"} {
		matches, err := c.Matching.Matches(ctx, ada, matching.Search{City: city}, page.Request[matching.Rank]{})
		check(err)
		if len(matches.Items) != 1 || matches.Items[0].Profile.FirstName != want {
			t.Errorf("in %q are %+v, want %s", city, matches.Items, want)
		}
	}
	all, err := c.Matching.Interests(ctx, matching.InterestFilter{}, page.Request[matching.NamePlace]{})
	check(err)
	if len(all.Items) != 2 {
		t.Errorf("the interests are %+v, want two", all.Items)
	}
	admin := signIn("admin@example.org")
	_, err = c.Matching.CreateInterest(ctx, admin, matching.InterestChange{Name: new("HIKING")}, "")
	if !errors.Is(err, matching.ErrInterestTaken) {
		t.Errorf("the name of both is taken a third time: %v", err)
	}
	named, err := c.Moderation.Users(ctx, admin, moderation.AccountFilter{Query: "zoe@BÜCHER"}, page.Request[page.Moment]{})
	check(err)
	if len(named.Items) != 1 {
		t.Errorf("found by a part of the address: %+v, want one", named.Items)
	}

	twins, err := c.Auditor.Twins(ctx)
	check(err)
	sizes := []string{}
	for _, group := range twins {
		sizes = append(sizes, fmt.Sprintf("%s %d", group.Table, len(group.Rows)))
	}
	if want := []string{"users 2", "users 2", "interests 2"}; !slices.Equal(sizes, want) {
		t.Errorf("the twins are %q, want %q", sizes, want)
	}
	for _, group := range twins[:2] {
		u, err := c.Moderation.ChangeTwin(ctx, id.User(group.Rows[0].ID), fmt.Sprintf("new-%s@example.org", group.Rows[0].ID))
		check(err)
		if signIn(u.Email) != u.ID {
			t.Errorf("%s does not sign in with the new address", u.ID)
		}
	}
	if twins, err = c.Auditor.Twins(ctx); err != nil || len(twins) != 1 {
		t.Errorf("twins that are left: %+v, %v", twins, err)
	}

	check(c.Users.ResetPassword(ctx, "reset", community.Password, users.Device{}))
	signIn("voyager0@example.org")

	other := signIn("otto@example.org")
	check(c.Privacy.Erase(ctx, other, community.Password, users.Device{}))
	again, err := c.Users.Register(ctx, users.SignUp{Name: "Otto", Email: "Otto@Example.org", Password: community.Password})
	check(err)
	if funds, err := c.Reservations.Funds(ctx, again.ID); err != nil || funds.Balance != 0 {
		t.Errorf("a second bonus for one address: %+v, %v", funds, err)
	}
	if found, err = c.Auditor.Audit(ctx); err != nil || len(found.Violations) > 0 {
		t.Errorf("the last audit found %+v, %v", found, err)
	}
}
