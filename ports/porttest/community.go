package porttest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/privacy"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// community holds all services over a store, for tests of use cases.
type community struct {
	*fixture
	clock        *watch
	accounts     *users.Service
	moderation   *moderation.Service
	matching     *matching.Service
	messaging    *messaging.Service
	reservations *reservations.Service
	privacy      *privacy.Service
}

const password = "correct horse"

func (f *fixture) community() *community {
	f.Helper()
	return f.communityAt(newWatch(noon))
}

// communityAt returns the services of a server with the given clock. Its quotas are out of reach,
// unless change sets them.
func (f *fixture) communityAt(clock *watch, change ...func(*services.Policies)) *community {
	f.Helper()
	return f.communityWith(clock, f.ids, change...)
}

// communityWith is communityAt with a source of identifiers.
func (f *fixture) communityWith(clock *watch, ids id.Source, change ...func(*services.Policies)) *community {
	f.Helper()
	const plenty = 1_000_000
	policies := services.DefaultPolicies()
	policies.Messaging.MaxOpened, policies.Reservations.MaxProposed, policies.Reservations.MaxPending = plenty, plenty, plenty
	policies.Messaging.MaxUnanswered, policies.Reservations.MaxUnanswered = plenty, plenty
	policies.Users.MaxWrong, policies.Users.MaxResets, policies.Users.MaxResetsFrom = plenty, plenty, plenty
	for _, c := range change {
		c(&policies)
	}
	s, err := services.New(ports.ForServices(f.store), services.Parts{
		Hasher: hasher{}, Access: plainTokens{}, TOTP: plainCodes{}, Mailer: noMail{}, Images: pngImages{}, Secrets: secrets(), Clock: clock.now, IDs: ids,
	}, policies)
	if err != nil {
		f.Fatal(err)
	}
	return &community{
		fixture: f, clock: clock, accounts: s.Users, moderation: s.Moderation, matching: s.Matching,
		messaging: s.Messaging, reservations: s.Reservations, privacy: s.Privacy,
	}
}

// inCommunity returns a test that runs with all services, and after which the store must pass the
// audit.
func inCommunity(test func(c *community)) func(f *fixture) {
	return func(f *fixture) {
		c := f.community()
		test(c)
		c.audited()
	}
}

func signUp(name string) users.SignUp {
	return users.SignUp{Name: name, Email: name + "@example.org", Password: password}
}

// join signs up a user with a searchable profile. The user has 50 tokens.
func (c *community) join(name string) users.User {
	c.Helper()
	in, err := c.accounts.SignUp(c.ctx, signUp(name), "")
	if err != nil {
		c.Fatalf("%s signs up: %v", name, err)
	}
	p := matching.Profile{FirstName: name, Country: "France", City: "Lyon", IsSearchable: true}
	if _, err := c.matching.SaveProfile(c.ctx, in.User.ID, p, nil); err != nil {
		c.Fatalf("%s saves a profile: %v", name, err)
	}
	return in.User
}

// admin signs up a user and makes the user an admin.
func (c *community) admin(name string) users.User {
	c.Helper()
	c.join(name)
	u, err := c.moderation.MakeAdmin(c.ctx, name+"@example.org")
	if err != nil {
		c.Fatalf("appoint %s: %v", name, err)
	}
	return u
}

// talk opens a conversation.
func (c *community) talk(voyager, local users.User) messaging.Conversation {
	c.Helper()
	opened, err := c.messaging.Open(c.ctx, voyager.ID, local.ID, "")
	if err != nil {
		c.Fatalf("open a conversation: %v", err)
	}
	return opened.Overview.Conversation
}

// aWalk returns a proposal of one hour that begins the given number of minutes after noon of the
// next day.
func aWalk(euros, minute int) reservations.Proposal {
	begin := noon.Add(24*time.Hour + time.Duration(minute)*time.Minute)
	return reservations.Proposal{
		Title: "a walk", Price: price(fmt.Sprintf("%d.00", euros)), Date: begin, EndDate: begin.Add(time.Hour),
	}
}

// propose makes a proposal by the voyager.
func (c *community) propose(talk messaging.Conversation, p reservations.Proposal) reservations.Reservation {
	c.Helper()
	v, err := c.reservations.Propose(c.ctx, talk.VoyagerID, talk.ID, p, "")
	if err != nil {
		c.Fatalf("propose: %v", err)
	}
	return v.Reservation
}

// accept accepts a proposal by the voyager.
func (c *community) accept(r reservations.Reservation) reservations.Reservation {
	c.Helper()
	v, err := c.reservations.Accept(c.ctx, r.LocalID, r.ID, "")
	if err != nil {
		c.Fatalf("accept: %v", err)
	}
	return v.Reservation
}

// change changes an account as an admin.
func (c *community) change(by, target id.User, change moderation.AccountChange) error {
	change.SignedInAt = c.clock.now()
	_, err := c.moderation.ChangeUser(c.ctx, by, target, change)
	return err
}

// grant credits or debits the wallet of a user as an admin.
func (c *community) grant(by, user users.User, kind tokens.Type, amount int64) error {
	_, err := c.moderation.PostTokens(c.ctx, by.ID, user.ID,
		moderation.Adjustment{Type: kind, Amount: amount, Reason: "for the test"}, "")
	return err
}

// must ends the test if a step that prepares it fails.
func (c *community) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

// statusOf reads the status of a reservation.
func (c *community) statusOf(r reservations.Reservation) reservations.Status {
	c.Helper()
	return c.reservationOf(r).Status
}

// onlyErrors fails the test if an error is neither nil nor one of those that may occur.
func (c *community) onlyErrors(what string, errs []error, allowed ...error) {
	c.Helper()
	for _, err := range errs {
		expected := err == nil
		for _, target := range allowed {
			expected = expected || errors.Is(err, target)
		}
		if !expected {
			c.Errorf("%s returned %v", what, err)
		}
	}
}

func dataURL(data []byte) messaging.DataURL {
	return messaging.ParseDataURL([]byte("data:image/png;base64," + base64.StdEncoding.EncodeToString(data)))
}
