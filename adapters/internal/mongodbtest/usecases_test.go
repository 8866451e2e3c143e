package mongodbtest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
)

// scene is a town in which each use case can be done once.
type scene struct {
	*town
	sessions              map[string]bool // of the server's, that were seen to belong to it
	voyager, local, other id.User
	talk                  id.Conversation
	message               id.Message
	pending, accepted     id.Reservation
	hiking                id.Interest
	report                id.Report
	refresh               string
}

const password = "correct horse"

func (s target) scene(t testing.TB) *scene {
	t.Helper()
	ctx, w := context.Background(), s.populated(t, 1)
	c := &scene{town: w, sessions: map[string]bool{}, voyager: w.pairs[0].Voyager, local: w.pairs[0].Local, talk: w.pairs[0].Talk}
	m, err := w.Messaging.Send(ctx, c.voyager, c.talk, messaging.Draft{Content: "Hello"}, "")
	must(t, err)
	hiking, err := w.Matching.CreateInterest(ctx, w.admin, matching.InterestChange{Name: new("Hiking")}, "")
	must(t, err)
	_, err = w.Matching.SaveProfile(ctx, c.voyager, matching.Profile{FirstName: "Vera", Age: 40}, []id.Interest{hiking.ID})
	must(t, err)
	_, err = w.Matching.SaveProfile(ctx, c.local, matching.Profile{IsSearchable: true}, []id.Interest{hiking.ID})
	must(t, err)
	r, err := w.Moderation.Report(ctx, c.voyager, moderation.Complaint{ReportedUserID: c.local, Reason: "rude"}, "")
	must(t, err)
	in, err := w.Users.SignIn(ctx, "voyager0@example.org", password)
	must(t, err)
	other, err := w.Users.Register(ctx, users.SignUp{Name: "Otto", Email: "otto@example.org", Password: password})
	must(t, err)
	c.message, c.hiking, c.report, c.refresh, c.other = m.ID, hiking.ID, r.ID, in.RefreshToken, other.ID
	c.pending, c.accepted = c.propose(t, 1), c.propose(t, 5)
	_, err = w.Reservations.Accept(ctx, c.local, c.accepted, "")
	must(t, err)
	return c
}

func (c *scene) propose(t testing.TB, hours int) id.Reservation {
	t.Helper()
	r, err := c.proposal(context.Background(), hours, "")
	must(t, err)
	return r.ID
}

func (c *scene) proposal(ctx context.Context, hours int, key idempotency.Key) (reservations.Reservation, error) {
	price, err := reservations.ParsePrice("12.50")
	if err != nil {
		return reservations.Reservation{}, err
	}
	begins := community.NewClock().Now().Add(time.Duration(hours) * time.Hour)
	return c.Reservations.Propose(ctx, c.voyager, c.talk,
		reservations.Proposal{Title: "A walk", Price: price, Date: begins, EndDate: begins.Add(time.Hour)}, key)
}

// useCase is something that people do, and the commands that it costs: a command is a round trip.
type useCase struct {
	name     string
	commands string
	do       func(ctx context.Context, c *scene, key idempotency.Key) error
	keyless  bool // it takes no key
}

// useCases is what everything costs, in a conversation that the process knows already. Of those that take a key it is the cost with
// one: without, it is the claim of the key less, and the update that saves the answer.
var useCases = []useCase{
	{"send a message",
		"findAndModify find findAndModify update insert insert update commitTransaction",
		func(ctx context.Context, c *scene, key idempotency.Key) error {
			_, err := c.Messaging.Send(ctx, c.voyager, c.talk, messaging.Draft{Content: "Good morning"}, key)
			return err
		}, false,
	},
	{"send a picture",
		"findAndModify find findAndModify update insert insert update insert commitTransaction",
		func(ctx context.Context, c *scene, key idempotency.Key) error {
			a := messaging.Attachment{MediaType: "image/png", Bytes: community.Picture(10, 10)}
			_, err := c.Messaging.Send(ctx, c.voyager, c.talk, messaging.Draft{Attachment: a.DataURL()}, key)
			return err
		}, false,
	},
	{"read messages",
		"findAndModify find find update update update commitTransaction",
		func(ctx context.Context, c *scene, key idempotency.Key) error {
			_, err := c.Messaging.Read(ctx, c.local, c.talk, c.message, key)
			return err
		}, false,
	},
	{"open a conversation",
		"findAndModify find find find find find find find insert find find find update insert commitTransaction",
		func(ctx context.Context, c *scene, key idempotency.Key) error {
			_, err := c.Messaging.Open(ctx, c.other, c.local, key)
			return err
		}, false,
	},
	{"propose",
		"findAndModify find findAndModify findAndModify find update insert commitTransaction",
		func(ctx context.Context, c *scene, key idempotency.Key) error {
			_, err := c.proposal(ctx, 20, key)
			return err
		}, false,
	},
	{"accept",
		"findAndModify find find findAndModify findAndModify find findAndModify update update insert commitTransaction",
		func(ctx context.Context, c *scene, key idempotency.Key) error {
			_, err := c.Reservations.Accept(ctx, c.local, c.pending, key)
			return err
		}, false,
	},
	{"decline",
		"findAndModify find find findAndModify update update commitTransaction",
		func(ctx context.Context, c *scene, key idempotency.Key) error {
			_, err := c.Reservations.Decline(ctx, c.local, c.pending, key)
			return err
		}, false,
	},
	{"cancel",
		"findAndModify find find findAndModify findAndModify update update insert commitTransaction",
		func(ctx context.Context, c *scene, key idempotency.Key) error {
			_, err := c.Reservations.Cancel(ctx, c.voyager, c.accepted, key)
			return err
		}, false,
	},
	{"settle one",
		"find findAndModify findAndModify update insert commitTransaction",
		func(ctx context.Context, c *scene, _ idempotency.Key) error {
			c.clock.Advance(7 * time.Hour)
			_, err := c.Reservations.Settle(ctx)
			return err
		}, true,
	},
	{"sign up",
		"findAndModify find insert findAndModify update insert insert insert insert insert commitTransaction",
		func(ctx context.Context, c *scene, key idempotency.Key) error {
			_, err := c.Users.SignUp(ctx, users.SignUp{Name: "Nora", Email: "nora@example.org", Password: password}, key)
			return err
		}, false,
	},
	{"sign in",
		"find findAndModify find insert insert commitTransaction",
		func(ctx context.Context, c *scene, _ idempotency.Key) error {
			_, err := c.Users.SignIn(ctx, "local0@example.org", password)
			return err
		}, true,
	},
	{"refresh",
		"findAndModify find find update insert commitTransaction",
		func(ctx context.Context, c *scene, _ idempotency.Key) error {
			_, err := c.Users.Refresh(ctx, c.refresh)
			return err
		}, true,
	},
	{"change a password",
		"find find findAndModify find update delete update commitTransaction",
		func(ctx context.Context, c *scene, _ idempotency.Key) error {
			return c.Users.ChangePassword(ctx, c.voyager, password, "another horse")
		}, true,
	},
	{"change an account",
		"find findAndModify commitTransaction",
		func(ctx context.Context, c *scene, _ idempotency.Key) error {
			_, err := c.Users.ChangeMe(ctx, c.voyager, users.Change{Name: new("Vera Vagans")})
			return err
		}, true,
	},
	{"save a profile",
		"findAndModify find find find update commitTransaction",
		func(ctx context.Context, c *scene, _ idempotency.Key) error {
			_, err := c.Matching.SaveProfile(ctx, c.voyager, matching.Profile{FirstName: "Vera"}, []id.Interest{c.hiking})
			return err
		}, true,
	},
	{"block",
		"find find update commitTransaction",
		func(ctx context.Context, c *scene, _ idempotency.Key) error {
			return c.Moderation.Block(ctx, c.voyager, c.other)
		}, true,
	},
	{"report",
		"findAndModify find find find update insert commitTransaction",
		func(ctx context.Context, c *scene, key idempotency.Key) error {
			_, err := c.Moderation.Report(ctx, c.voyager, moderation.Complaint{ReportedUserID: c.other, Reason: "rude"}, key)
			return err
		}, false,
	},
	{"move a report",
		"find find update insert commitTransaction",
		func(ctx context.Context, c *scene, _ idempotency.Key) error {
			_, err := c.Moderation.ChangeReport(ctx, c.admin, c.report, moderation.ReportChange{Status: new(moderation.Resolved)})
			return err
		}, true,
	},
	{"deactivate somebody",
		"update find find findAndModify update update insert commitTransaction",
		func(ctx context.Context, c *scene, _ idempotency.Key) error {
			_, err := c.Moderation.ChangeUser(ctx, c.admin, c.local, moderation.AccountChange{IsActive: new(false), Reason: "rude"})
			return err
		}, true,
	},
	{"post tokens",
		"findAndModify find find findAndModify update insert insert commitTransaction",
		func(ctx context.Context, c *scene, key idempotency.Key) error {
			_, err := c.Moderation.PostTokens(ctx, c.admin, c.local, moderation.Adjustment{Type: tokens.Bonus, Amount: 5, Reason: "thanks"}, key)
			return err
		}, false,
	},
	{"change an interest",
		"find findAndModify find update insert commitTransaction",
		func(ctx context.Context, c *scene, _ idempotency.Key) error {
			_, err := c.Matching.ChangeInterest(ctx, c.admin, c.hiking, matching.InterestChange{Name: new("Walking")})
			return err
		}, true,
	},
	{"leave",
		"find find update find find find find findAndModify findAndModify findAndModify findAndModify findAndModify update findAndModify find delete delete update insert delete update delete delete delete commitTransaction",
		func(ctx context.Context, c *scene, _ idempotency.Key) error {
			return c.Privacy.Erase(ctx, c.voyager, password)
		}, true,
	},
	{"read a page of messages",
		"find find",
		func(ctx context.Context, c *scene, _ idempotency.Key) error {
			_, err := c.Messaging.Messages(ctx, c.local, c.talk, page.Request[page.Moment]{})
			return err
		}, true,
	},
	{"list conversations",
		"find find find find abortTransaction",
		func(ctx context.Context, c *scene, _ idempotency.Key) error {
			_, err := c.Messaging.Conversations(ctx, c.local, page.Request[page.Moment]{})
			return err
		}, true,
	},
	{"search",
		"find find find find aggregate abortTransaction",
		func(ctx context.Context, c *scene, _ idempotency.Key) error {
			_, err := c.Matching.Matches(ctx, c.voyager, matching.Search{}, page.Request[matching.Rank]{})
			return err
		}, true,
	},
	{"look into a wallet",
		"find aggregate abortTransaction",
		func(ctx context.Context, c *scene, _ idempotency.Key) error {
			_, err := c.Reservations.Funds(ctx, c.voyager)
			return err
		}, true,
	},
}

// TestCommandsOfUseCases counts round trips.
func TestCommandsOfUseCases(t *testing.T) {
	server := startFake(t)
	s := onFake(server)
	seen := &commands{}
	defer server.Observe(seen.add)()
	for _, u := range useCases {
		t.Run(u.name, func(t *testing.T) {
			c := s.scene(t)
			seen.take()
			must(t, u.do(context.Background(), c, "a-key"))
			var names []string
			for _, command := range seen.take() {
				names = append(names, command.Name)
			}
			if got := strings.Join(names, " "); got != u.commands {
				t.Errorf("it took %d commands:\n got %s\nwant %s", len(names), got, u.commands)
			}
		})
	}
}
