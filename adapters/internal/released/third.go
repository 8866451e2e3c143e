package released

import (
	"context"
	"slices"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/users"
)

// CheckThird fails the test unless a store that the third schema made works after all migrations.
// The store holds a community.Scene in which:
//
//   - both participants sent messages, one with an image, and Otto opened a conversation without
//     messages;
//   - an erased user had written to the local, and the voyager to the erased user;
//   - there are reservations of all statuses, a block, a deactivated account and an open reset;
//   - the answers of twelve commands are kept for retries.
//
// It sends some of these commands again.
func CheckThird(ctx context.Context, t testing.TB, c *community.Community) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	audit := func(when string) {
		t.Helper()
		found, err := c.Auditor.Audit(ctx)
		check(err)
		if len(found.Violations) > 0 || found.Wallets != 6 || found.Transactions != 18 || found.Held != 13 {
			t.Errorf("the audit %s found %+v", when, found)
		}
	}
	audit("after the migration")
	if found, err := c.Auditor.Audit(ctx); err != nil || found.Unsealed != 0 {
		t.Errorf("after the migration %d transactions are not sealed, %v", found.Unsealed, err)
	}
	signIn := func(email string) id.User {
		t.Helper()
		in, err := c.Users.SignIn(ctx, users.SignIn{Email: email, Password: community.Password})
		check(err)
		return in.User.ID
	}
	voyager, local := signIn("voyager0@example.org"), signIn("local0@example.org")
	talks, err := c.Messaging.Conversations(ctx, voyager, page.Request[page.Moment]{})
	check(err)
	if len(talks.Items) != 2 || talks.Items[0].Other.UserID != local || talks.Items[1].Other.FirstName != "deleted" {
		t.Fatalf("the voyager's conversations are %+v", talks.Items)
	}
	talk, withGone := talks.Items[0].Conversation.ID, talks.Items[1]

	opened, err := c.Messaging.Open(ctx, voyager, withGone.Other.UserID, "open-3")
	check(err)
	if opened.Overview.Conversation != withGone.Conversation || !opened.Created {
		t.Errorf("the repeated opening returned %+v", opened)
	}
	sent, err := c.Messaging.Send(ctx, local, talk, messaging.Draft{Content: "Welcome to Lyon"}, "send-1")
	check(err)
	messages, err := c.Messaging.Messages(ctx, local, talk, page.Request[page.Moment]{})
	check(err)
	if n := len(messages.Items); n != 3 || messages.Items[1].ID != sent.ID || sent.Content != "Welcome to Lyon" {
		t.Errorf("the repeated message is %+v, in %+v", sent, messages.Items)
	}
	marked, err := c.Messaging.Read(ctx, local, talk, messages.Items[0].ID, "read-1")
	check(err)
	if marked != 2 {
		t.Errorf("the repeated reading marked %d messages, want 2", marked)
	}

	all, err := c.Reservations.InConversation(ctx, voyager, talk, page.Request[page.Moment]{})
	check(err)
	statuses := map[reservations.Status]id.Reservation{}
	for _, r := range all.Items {
		statuses[r.Status] = r.ID
	}
	accepted, err := c.Reservations.Accept(ctx, local, statuses[reservations.Cancelled], "accept-1")
	check(err)
	cancelled, err := c.Reservations.Cancel(ctx, voyager, accepted.ID, "cancel-1")
	check(err)
	declined, err := c.Reservations.Decline(ctx, local, statuses[reservations.Declined], "decline-1")
	check(err)
	got := []reservations.Status{accepted.Status, cancelled.Status, declined.Status}
	if want := []reservations.Status{"accepted", "cancelled", "declined"}; !slices.Equal(got, want) {
		t.Errorf("the repeated answers have the statuses %q, want %q", got, want)
	}
	if accepted.Title != "A walk cancelled" || accepted.Tokens != 3 || accepted.UpdatedAt.IsZero() {
		t.Errorf("the repeated answer is %+v", accepted)
	}
	nora, err := c.Users.SignUp(ctx,
		users.SignUp{Name: "Nora", Email: "nora@example.org", Password: community.Password}, "signup-1")
	check(err)
	if nora.User.ID != signIn("nora@example.org") {
		t.Errorf("the repeated sign-up made %+v", nora.User)
	}
	audit("after the repeated commands")
}
