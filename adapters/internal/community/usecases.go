package community

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
)

// UseCase is one thing that users do.
type UseCase struct {
	Name    string
	Do      func(ctx context.Context, s *Scene, key idempotency.Key) error
	Keyless bool // it takes no idempotency key
}

// UseCases are the use cases for which the tests of stores assert a cost.
var UseCases = []UseCase{
	{"send a message",
		func(ctx context.Context, s *Scene, key idempotency.Key) error {
			_, err := s.Messaging.Send(ctx, s.Voyager, s.Talk, messaging.Draft{Content: "Good morning"}, key)
			return err
		}, false,
	},
	{"send a picture",
		func(ctx context.Context, s *Scene, key idempotency.Key) error {
			a := messaging.Attachment{MediaType: "image/png", Bytes: Picture(10, 10)}
			_, err := s.Messaging.Send(ctx, s.Voyager, s.Talk, messaging.Draft{Attachment: messaging.ParseDataURL([]byte(a.DataURL()))}, key)
			return err
		}, false,
	},
	{"read messages",
		func(ctx context.Context, s *Scene, key idempotency.Key) error {
			_, err := s.Messaging.Read(ctx, s.Local, s.Talk, s.Message, key)
			return err
		}, false,
	},
	{"open a conversation",
		func(ctx context.Context, s *Scene, key idempotency.Key) error {
			_, err := s.Messaging.Open(ctx, s.Other, s.Local, key)
			return err
		}, false,
	},
	{"propose",
		func(ctx context.Context, s *Scene, key idempotency.Key) error {
			_, err := s.propose(ctx, 20, key)
			return err
		}, false,
	},
	{"accept",
		func(ctx context.Context, s *Scene, key idempotency.Key) error {
			_, err := s.Reservations.Accept(ctx, s.Local, s.Pending, key)
			return err
		}, false,
	},
	{"decline",
		func(ctx context.Context, s *Scene, key idempotency.Key) error {
			_, err := s.Reservations.Decline(ctx, s.Local, s.Pending, key)
			return err
		}, false,
	},
	{"cancel",
		func(ctx context.Context, s *Scene, key idempotency.Key) error {
			_, err := s.Reservations.Cancel(ctx, s.Voyager, s.Accepted, key)
			return err
		}, false,
	},
	{"settle",
		func(ctx context.Context, s *Scene, _ idempotency.Key) error {
			s.Clock.Advance(7 * time.Hour)
			_, err := s.Reservations.Settle(ctx)
			return err
		}, true,
	},
	{"sign up",
		func(ctx context.Context, s *Scene, key idempotency.Key) error {
			_, err := s.Users.SignUp(ctx, users.SignUp{
				Name: "Nora", Email: "nora@example.org", Password: Password, From: home,
			}, key)
			return err
		}, false,
	},
	{"sign in",
		func(ctx context.Context, s *Scene, _ idempotency.Key) error {
			_, err := s.Users.SignIn(ctx, users.SignIn{Email: "local0@example.org", Password: Password, From: home})
			return err
		}, true,
	},
	{"refresh",
		func(ctx context.Context, s *Scene, _ idempotency.Key) error {
			_, err := s.Users.Refresh(ctx, s.Refresh)
			return err
		}, true,
	},
	{"change a password",
		func(ctx context.Context, s *Scene, _ idempotency.Key) error {
			return s.Users.ChangePassword(ctx, s.Voyager, Password, "another horse", home)
		}, true,
	},
	{"change an account",
		func(ctx context.Context, s *Scene, _ idempotency.Key) error {
			_, err := s.Users.ChangeMe(ctx, s.Voyager, users.Change{Name: new("Vera Vagans")})
			return err
		}, true,
	},
	{"save a profile",
		func(ctx context.Context, s *Scene, _ idempotency.Key) error {
			_, err := s.Matching.SaveProfile(ctx, s.Voyager, matching.Profile{FirstName: "Vera"}, []id.Interest{s.Hiking})
			return err
		}, true,
	},
	{"block",
		func(ctx context.Context, s *Scene, _ idempotency.Key) error {
			return s.Moderation.Block(ctx, s.Voyager, s.Other)
		}, true,
	},
	{"report",
		func(ctx context.Context, s *Scene, key idempotency.Key) error {
			_, err := s.Moderation.Report(ctx, s.Voyager, moderation.ReportInput{ReportedUserID: s.Other, Reason: "rude"}, key)
			return err
		}, false,
	},
	{"report a message",
		func(ctx context.Context, s *Scene, key idempotency.Key) error {
			_, err := s.Messaging.Report(ctx, s.Local, s.complaint(s.Voyager, s.Message), key)
			return err
		}, false,
	},
	{"move a report",
		func(ctx context.Context, s *Scene, _ idempotency.Key) error {
			_, err := s.Moderation.ChangeReport(ctx, s.Admin, s.Report, moderation.ReportChange{Status: new(moderation.Resolved)})
			return err
		}, true,
	},
	{"deactivate somebody",
		func(ctx context.Context, s *Scene, _ idempotency.Key) error {
			_, err := s.Moderation.ChangeUser(ctx, s.Admin, s.Local, moderation.AccountChange{IsActive: new(false), Reason: "rude"})
			return err
		}, true,
	},
	{"suspend somebody",
		func(ctx context.Context, s *Scene, key idempotency.Key) error {
			_, err := s.Moderation.Impose(ctx, s.Admin, s.Local, moderation.SanctionInput{Kind: moderation.Suspension, Reason: "rude"}, key)
			return err
		}, false,
	},
	{"lift a sanction",
		func(ctx context.Context, s *Scene, _ idempotency.Key) error {
			_, err := s.Moderation.Decide(ctx, s.Admin, s.Warning, moderation.Decision{Outcome: moderation.Lifted})
			return err
		}, false,
	},
	{"post tokens",
		func(ctx context.Context, s *Scene, key idempotency.Key) error {
			_, err := s.Moderation.PostTokens(ctx, s.Admin, s.Local, moderation.Adjustment{Type: tokens.Bonus, Amount: 5, Reason: "thanks"}, key)
			return err
		}, false,
	},
	{"change an interest",
		func(ctx context.Context, s *Scene, _ idempotency.Key) error {
			_, err := s.Matching.ChangeInterest(ctx, s.Admin, s.Hiking, matching.InterestChange{Name: new("Walking")})
			return err
		}, true,
	},
	{"leave",
		func(ctx context.Context, s *Scene, _ idempotency.Key) error {
			return s.Privacy.Erase(ctx, s.Voyager, Password, home)
		}, true,
	},
	{"read a page of messages",
		func(ctx context.Context, s *Scene, _ idempotency.Key) error {
			_, err := s.Messaging.Messages(ctx, s.Local, s.Talk, page.Request[page.Moment]{})
			return err
		}, true,
	},
	{"read a report",
		func(ctx context.Context, s *Scene, _ idempotency.Key) error {
			_, err := s.Moderation.ReportByID(ctx, s.Admin, s.Report)
			return err
		}, true,
	},
	{"list conversations",
		func(ctx context.Context, s *Scene, _ idempotency.Key) error {
			_, err := s.Messaging.Conversations(ctx, s.Local, page.Request[page.Moment]{})
			return err
		}, true,
	},
	{"search",
		func(ctx context.Context, s *Scene, _ idempotency.Key) error {
			_, err := s.Matching.Matches(ctx, s.Voyager, matching.Search{}, page.Request[matching.Rank]{})
			return err
		}, true,
	},
	{"look into a wallet",
		func(ctx context.Context, s *Scene, _ idempotency.Key) error {
			_, err := s.Reservations.Funds(ctx, s.Voyager)
			return err
		}, true,
	},
}
