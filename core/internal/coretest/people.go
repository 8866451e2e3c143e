package coretest

import (
	"strings"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
)

// The helpers below end the test if a call fails, so they must be called on the test's own
// goroutine.

// Password is the password of every person.
const Password = "correct horse"

// Email returns the address of the person with a name, like ada@example.org.
func Email(name string) string { return strings.ToLower(name) + "@example.org" }

// Person makes an account, with the sign-up bonus and Password. Names are one word, and used once.
func (w *World) Person(name string) id.User {
	w.t.Helper()
	u, err := w.Users.Register(w.Ctx, users.SignUp{Name: name, Email: Email(name), Password: Password})
	if err != nil {
		w.t.Fatalf("make %s: %v", name, err)
	}
	return u.ID
}

// Local is a Person with a searchable profile.
func (w *World) Local(name string) id.User {
	w.t.Helper()
	local := w.Person(name)
	if _, err := w.Matching.SaveProfile(w.Ctx, local, matching.Profile{FirstName: name, IsSearchable: true}, nil); err != nil {
		w.t.Fatalf("save the profile of %s: %v", name, err)
	}
	return local
}

// AdminNamed is a Person who is an admin.
func (w *World) AdminNamed(name string) id.User {
	w.t.Helper()
	admin := w.Person(name)
	if _, err := w.Moderation.MakeAdmin(w.Ctx, Email(name)); err != nil {
		w.t.Fatalf("appoint %s: %v", name, err)
	}
	return admin
}

// Admin returns the admin called Admin, which the first call makes.
func (w *World) Admin() id.User {
	w.t.Helper()
	if w.admin.IsZero() {
		w.admin = w.AdminNamed("Admin")
	}
	return w.admin
}

// Conversation opens the conversation of a voyager with a local, who must be searchable.
func (w *World) Conversation(voyager, local id.User) id.Conversation {
	w.t.Helper()
	opened, err := w.Messaging.Open(w.Ctx, voyager, local, "")
	if err != nil {
		w.t.Fatalf("open a conversation: %v", err)
	}
	return opened.Overview.Conversation.ID
}

// Block makes one person block another.
func (w *World) Block(user, other id.User) {
	w.t.Helper()
	if err := w.Moderation.Block(w.Ctx, user, other); err != nil {
		w.t.Fatalf("block: %v", err)
	}
}

// SetActive lets the Admin deactivate or reactivate a user.
func (w *World) SetActive(user id.User, active bool) {
	w.t.Helper()
	if _, err := w.Moderation.ChangeUser(w.Ctx, w.Admin(), user, moderation.AccountChange{IsActive: &active}); err != nil {
		w.t.Fatalf("set is_active to %v: %v", active, err)
	}
}

// Fund lets the Admin set the balance of a user.
func (w *World) Fund(user id.User, balance int64) {
	w.t.Helper()
	by := balance - w.Balance(user)
	if by == 0 {
		return
	}
	_, err := w.Moderation.PostTokens(w.Ctx, w.Admin(), user,
		moderation.Adjustment{Type: tokens.AdminAdjustment, Amount: by, Reason: "for a test"}, "")
	if err != nil {
		w.t.Fatalf("bring a balance to %d: %v", balance, err)
	}
}

// Funds returns the balance of a user, and the tokens that are held for reservations.
func (w *World) Funds(user id.User) reservations.Funds {
	w.t.Helper()
	f, err := w.Reservations.Funds(w.Ctx, user)
	if err != nil {
		w.t.Fatalf("read a wallet: %v", err)
	}
	return f
}

// Balance returns the balance of a user.
func (w *World) Balance(user id.User) int64 {
	w.t.Helper()
	return w.Funds(user).Balance
}

// SignIn signs in the person with a name.
func (w *World) SignIn(name string) users.SignedIn {
	w.t.Helper()
	in, err := w.Users.SignIn(w.Ctx, users.SignIn{Email: Email(name), Password: Password})
	if err != nil {
		w.t.Fatalf("sign in %s: %v", name, err)
	}
	return in
}
