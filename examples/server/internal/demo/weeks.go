package demo

import (
	"context"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/tokens"
)

// outcome is the result of a talk.
type outcome int

const (
	completed outcome = iota // they met, and the local was paid
	accepted                 // they will meet
	pending                  // proposed, and not answered yet
	declined
	withdrawn // by its creator
	cancelled // by the voyager, after it was accepted
	talkOnly
)

// outcomes are the outcomes of the travellers' talks, two for each traveller.
var outcomes = []outcome{
	completed, pending, completed, accepted, declined, completed, cancelled, accepted, completed, pending, withdrawn,
	completed, accepted, completed, declined, pending, completed, talkOnly, cancelled, completed, accepted, withdrawn,
}

// talkOfTravellers plans two talks of each traveller except the last, each with another local.
func (s *story) talkOfTravellers() {
	travellers := s.travellers[:len(s.travellers)-1]
	locals := shuffled(s.faker, s.locals)
	for i, o := range outcomes {
		s.meet(travellers[i%len(travellers)], locals[i%len(locals)], talks[i%len(talks)], o)
	}
}

// talkOfNamedAccounts plans the talks of Voyager and Local.
func (s *story) talkOfNamedAccounts() {
	about := func(interest string) talk {
		return talks[slices.IndexFunc(talks, func(t talk) bool { return t.about == interest })]
	}
	lisbon := s.meet(s.voyager, s.local, about("History"), completed)
	lisbon.end = s.day(2, 11)
	lisbon.talk([]string{
		"v: I keep telling everybody about those tiles. Any chance to see your workshop when I am back?",
		"l: Of course! I am free at the weekend. Shall I put it down?",
	})
	lisbon.propose(s.local, talk{title: "An afternoon in the tile workshop", price: "17.50", hours: 2}, s.day(-6, 14))

	s.meet(s.voyager, s.in("Kyoto"), about("Photography"), accepted)
	s.meet(s.voyager, s.in("Hanoi"), about("Street food"), talkOnly)
	hungry := s.meet(s.travellers[0], s.local, about("Street food"), talkOnly)
	hungry.propose(hungry.voyager, about("Street food"), s.day(-4, 18))
	s.meet(s.travellers[1], s.local, about("Photography"), accepted)
}

// in returns a local of a city.
func (s *story) in(name string) *person {
	return s.locals[slices.IndexFunc(s.locals, func(p *person) bool { return p.home.name == name })]
}

// meet plans a talk and its outcome.
func (s *story) meet(voyager, local *person, about talk, o outcome) *thread {
	voyager.likes(about.about)
	local.likes(about.about)
	first, last := o.daysAgo()
	began := s.day(s.faker.Number(last, first), s.faker.Number(7, 15))
	t := s.open(began, voyager, local)
	t.talk(about.lines)
	if o == talkOnly {
		return t // the last line is not read yet
	}
	creator := local
	if s.faker.Number(0, 2) == 0 {
		creator = voyager
	}
	date := began.Truncate(24*time.Hour).AddDate(0, 0, 3)
	if o == accepted || o == pending {
		date = s.day(-s.faker.Number(2, 9), 0)
	}
	date = s.free(local, date.Add(time.Duration(about.hour-local.home.utc)*time.Hour), about.hours)
	s.become(o, t.propose(creator, about, date))
	return t
}

// daysAgo returns how many days ago a talk with this outcome began: long enough for all of its
// events, and short enough that an accepted activity is still to come.
func (o outcome) daysAgo() (most, least int) {
	switch o {
	case completed:
		return 14, 9
	case declined, withdrawn, cancelled:
		return 12, 4
	default:
		return 4, 2
	}
}

// become plans the events after a proposal.
func (s *story) become(o outcome, b *booking) {
	switch o {
	case completed:
		b.accept()
		b.complete()
		b.talk(pick(s.faker, thanks))
		b.read()
	case accepted:
		b.accept()
		b.read()
	case declined:
		b.decline()
		b.talk(pick(s.faker, refusals))
	case withdrawn:
		b.cancel(b.creator)
	case cancelled:
		b.accept()
		b.cancel(b.voyager)
		b.talk(pick(s.faker, regrets))
		b.read()
	}
}

// trouble plans cases for the moderators: a user who sells something, a report that is dismissed,
// and one that is still pending.
func (s *story) trouble() {
	seller, bothered := s.travellers[len(s.travellers)-1], s.in("Istanbul")
	pitch := s.open(s.day(6, 10), seller, bothered)
	pitch.talk([]string{
		"v: Hello dear host, I help hosts like you get MORE guests. First month free!!",
		"v: Limited offer, write to me today. I have written to everybody in {city}, do not be the last.",
	})
	s.report(s.day(6, 15), bothered, seller, "Advertising", "Sells something, and writes the same to all of us.",
		s.day(5, 9), moderation.Resolved, "Confirmed by two others. Penalty and account closed.")
	s.at(s.day(6, 15).Add(time.Minute), "block the seller", func(ctx context.Context) error {
		return s.services.Moderation.Block(ctx, bothered.id, seller.id)
	})
	s.at(s.day(5, 9).Add(time.Minute), "close the seller's account", func(ctx context.Context) error {
		_, err := s.services.Moderation.PostTokens(ctx, s.admin.id, seller.id, moderation.Adjustment{
			Type: tokens.Penalty, Amount: -20, Reason: "advertising",
		}, "")
		if err != nil {
			return err
		}
		inactive := false
		_, err = s.services.Moderation.ChangeUser(ctx, s.admin.id, seller.id, moderation.AccountChange{IsActive: &inactive, Reason: "advertising"})
		return err
	})

	impatient, silent := s.travellers[2], s.in("Marrakesh")
	s.open(s.day(11, 10), impatient, silent).talk([]string{"v: Hello {local}, would you have time for a walk on Saturday?"})
	s.report(s.day(10, 12), impatient, silent, "Did not answer", "Read my message and never wrote back.",
		s.day(9, 8), moderation.Dismissed, "Nobody has to answer. Explained it to both.")
	hasty, asked := s.travellers[4], s.in("Buenos Aires")
	s.open(s.day(3, 16), hasty, asked).talk([]string{"v: Hi! Cool profile. When are you free and what do you show people?"})
	s.report(s.day(3, 18), asked, hasty, "The same text to several people",
		"Three of us got the very same words. Probably harmless, but please have a look.", time.Time{}, moderation.Pending, "")
	s.at(s.day(3, 19), "block somebody", func(ctx context.Context) error {
		return s.services.Moderation.Block(ctx, s.travellers[6].id, s.in("Mexico City").id)
	})
}

// report plans a report, and its review by the admin unless it stays pending.
func (s *story) report(at time.Time, reporter, reported *person, reason, message string, reviewed time.Time, result moderation.Status, notes string) {
	var filed moderation.Report
	s.at(at, "report somebody", func(ctx context.Context) (err error) {
		filed, err = s.services.Moderation.Report(ctx, reporter.id, moderation.ReportInput{
			ReportedUserID: reported.id, Reason: reason, Message: message,
		}, "")
		return err
	})
	if result == moderation.Pending {
		return
	}
	s.at(reviewed, "review a report", func(ctx context.Context) error {
		_, err := s.services.Moderation.ChangeReport(ctx, s.admin.id, filed.ID, moderation.ReportChange{Status: &result, Notes: &notes})
		return err
	})
}
