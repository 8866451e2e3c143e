package community

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/users"
)

// Scene is a community in which each use case can be done once.
type Scene struct {
	*Community
	Clock                        *Clock
	Admin, Voyager, Local, Other id.User
	Talk                         id.Conversation
	Message                      id.Message
	Pending, Accepted            id.Reservation
	Hiking                       id.Interest
	Report                       id.Report
	Warning                      id.Sanction // to the voyager
	Refresh                      string      // a refresh token of the voyager
}

// SignIn signs a user in, and returns the new session.
func (s *Scene) SignIn(ctx context.Context, user id.User, email string) (id.Session, error) {
	if _, err := s.Users.SignIn(ctx, users.SignIn{Email: email, Password: Password}); err != nil {
		return id.Session{}, fmt.Errorf("sign in: %w", err)
	}
	all, err := s.Users.Sessions(ctx, user, page.Request[page.Moment]{})
	if err != nil {
		return id.Session{}, fmt.Errorf("list sessions: %w", err)
	}
	return all.Items[0].ID, nil
}

// Password is the password of everyone in a community.
const Password = "correct horse"

// home is a device whose network its account does not know yet, except the voyager's.
var home = users.Device{Address: "192.0.2.7"}

// NewScene makes a Scene in an empty community that uses the given clock.
func NewScene(ctx context.Context, c *Community, clock *Clock) (*Scene, error) {
	admin, pairs, err := c.Populate(ctx, 1)
	if err != nil {
		return nil, err
	}
	s := &Scene{Community: c, Clock: clock, Admin: admin, Voyager: pairs[0].Voyager, Local: pairs[0].Local, Talk: pairs[0].Talk}
	m, err := c.Messaging.Send(ctx, s.Voyager, s.Talk, messaging.Draft{Content: "Hello"}, "")
	hiking, err2 := c.Matching.CreateInterest(ctx, s.Admin, matching.InterestChange{Name: new("Hiking")}, "")
	_, err3 := c.Matching.SaveProfile(ctx, s.Voyager, matching.Profile{FirstName: "Vera", Age: 40}, []id.Interest{hiking.ID})
	_, err4 := c.Matching.SaveProfile(ctx, s.Local, matching.Profile{IsSearchable: true}, []id.Interest{hiking.ID})
	r, err5 := c.Messaging.Report(ctx, s.Voyager, s.complaint(s.Local, m.ID), "")
	in, err6 := c.Users.SignIn(ctx, users.SignIn{Email: "voyager0@example.org", Password: Password, From: home})
	other, err7 := c.Users.Register(ctx, users.SignUp{Name: "Otto", Email: "otto@example.org", Password: Password})
	pending, err8 := s.propose(ctx, 1, "")
	accepted, err9 := s.propose(ctx, 5, "")
	_, err10 := c.Reservations.Accept(ctx, s.Local, accepted.ID, "")
	_, wrong := c.Users.SignIn(ctx, users.SignIn{Email: "nobody@example.org", Password: Password}) // reads the key of tries
	if !errors.Is(wrong, users.ErrSignIn) {
		return nil, fmt.Errorf("a sign-in with an unknown address: %w", wrong)
	}
	warning, err11 := c.Moderation.Impose(ctx, s.Admin, s.Voyager, moderation.SanctionInput{Kind: moderation.Warning, Reason: "rude"}, "")
	s.Warning = warning.ID
	s.Message, s.Hiking, s.Report, s.Refresh, s.Other = m.ID, hiking.ID, r.ID, in.RefreshToken, other.ID
	s.Pending, s.Accepted = pending.ID, accepted.ID
	return s, errors.Join(err, err2, err3, err4, err5, err6, err7, err8, err9, err10, err11)
}

func (s *Scene) complaint(of id.User, about id.Message) messaging.ReportInput {
	return messaging.ReportInput{ReportInput: moderation.ReportInput{ReportedUserID: of, Reason: "rude"}, MessageID: about}
}

func (s *Scene) propose(ctx context.Context, hours int, key idempotency.Key) (reservations.View, error) {
	price, err := reservations.ParsePrice("12.50")
	if err != nil {
		return reservations.View{}, err
	}
	begins := NewClock().Now().Add(time.Duration(hours) * time.Hour)
	return s.Reservations.Propose(ctx, s.Voyager, s.Talk,
		reservations.Proposal{Title: "A walk", Price: price, Date: begins, EndDate: begins.Add(time.Hour)}, key)
}
