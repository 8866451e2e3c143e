package demo

import (
	"context"
	"slices"
	"time"

	"github.com/brianvoe/gofakeit/v7"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
)

// story is the history of the demo data. Its events are planned first and then run in order of
// time.
type story struct {
	cast
	events
	services *services.Services
	clock    *walk
	faker    *gofakeit.Faker
	now      time.Time
	picked   map[string]id.Interest // by name, set when the interest is created
	busy     map[*person][]span     // the activities of each local
}

type span struct{ from, until time.Time }

func newStory(services *services.Services, clock *walk, faker *gofakeit.Faker, now time.Time) *story {
	return &story{
		cast: newCast(faker), services: services, clock: clock, faker: faker, now: now,
		picked: map[string]id.Interest{}, busy: map[*person][]span{},
	}
}

// run plans all events and runs them.
func (s *story) run(ctx context.Context) error {
	s.talkOfTravellers() // first, because it adds interests, which the profiles show
	s.talkOfNamedAccounts()
	s.trouble()
	s.beginnings()
	return s.happen(ctx, s.clock)
}

// day returns an hour of the day that is ago days before today. A negative ago is a day in the
// future.
func (s *story) day(ago, hour int) time.Time {
	return s.now.Truncate(24*time.Hour).AddDate(0, 0, -ago).Add(time.Duration(hour) * time.Hour)
}

// beginnings plans that the admin signs up and creates the interests, that all users sign up and
// save their profiles, and that the travellers buy tokens.
func (s *story) beginnings() {
	opened := s.day(35, 9)
	s.join(opened, s.admin)
	s.at(opened.Add(time.Minute), "appoint the admin", func(ctx context.Context) error {
		_, err := s.services.Moderation.MakeAdmin(ctx, Admin)
		return err
	})
	for i, it := range interests {
		s.at(opened.Add(time.Duration(2+i)*time.Minute), "add an interest", func(ctx context.Context) error {
			added, err := s.services.Matching.CreateInterest(ctx, s.admin.id, matching.InterestChange{Name: &it.name, Icon: &it.icon}, "")
			s.picked[it.name] = added.ID
			return err
		})
	}
	s.introduce(opened.Add(time.Hour), s.admin)

	travellers := slices.Concat([]*person{s.voyager}, s.travellers)
	everybody := shuffled(s.faker, slices.Concat([]*person{s.local}, s.locals, travellers))
	for i, p := range everybody {
		came := s.day(33-i*15/len(everybody), s.faker.Number(7, 20)).Add(time.Duration(s.faker.Number(0, 3599)) * time.Second)
		s.join(came, p)
		s.introduce(came.Add(time.Duration(s.faker.Number(3, 40))*time.Minute), p)
	}
	for i, p := range travellers {
		s.buy(s.day(16, 8).Add(time.Duration(i*7)*time.Minute), p, 100)
	}
}

func (s *story) join(at time.Time, p *person) {
	s.at(at, "sign up "+p.email, func(ctx context.Context) error {
		u, err := s.services.Users.Register(ctx, users.SignUp{Name: p.first + " " + p.last, Email: p.email, Password: Password})
		p.id = u.ID
		return err
	})
}

func (s *story) introduce(at time.Time, p *person) {
	s.at(at, "introduce "+p.email, func(ctx context.Context) error {
		location := p.home.name + ", " + p.home.country
		if _, err := s.services.Users.ChangeMe(ctx, p.id, users.Change{Location: &location}); err != nil {
			return err
		}
		var picked []id.Interest
		for _, name := range p.interests {
			picked = append(picked, s.picked[name])
		}
		_, err := s.services.Matching.SaveProfile(ctx, p.id, matching.Profile{
			FirstName: p.first, LastName: p.last, Age: p.age, Biography: p.biography,
			Country: p.home.country, City: p.home.name, IsSearchable: !p.hidden,
		}, picked)
		return err
	})
}

func (s *story) buy(at time.Time, p *person, amount int64) {
	s.at(at, "buy tokens", func(ctx context.Context) error {
		_, err := s.services.Moderation.PostTokens(ctx, s.admin.id, p.id, moderation.Adjustment{
			Type: tokens.Purchase, Amount: amount, Reason: "bought by card",
		}, "")
		return err
	})
}

// free returns the first time, on date or a later day, at which a local has no other activity, and
// reserves it.
func (s *story) free(local *person, date time.Time, hours int) time.Time {
	for {
		until := date.Add(time.Duration(hours) * time.Hour)
		if !slices.ContainsFunc(s.busy[local], func(b span) bool { return date.Before(b.until) && b.from.Before(until) }) {
			s.busy[local] = append(s.busy[local], span{date, until})
			return date
		}
		date = date.AddDate(0, 0, 1)
	}
}
