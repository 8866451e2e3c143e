package porttest

import (
	"errors"
	"strings"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
)

// everyday tests what people type and do, and what other systems got wrong. dealings.go has the
// tests of conversations and reservations.
var everyday = []test{
	{"an address is one account in every spelling", inCommunity(addressSpellings)},
	{"a password is one in composed and decomposed form", inCommunity(passwordForms)},
	{"a name must be visible", inCommunity(invisibleNames)},
	{"a first name ends at any blank", inCommunity(firstNames)},
	{"places are found without blanks, case and marks", inCommunity(placeSpellings)},
	{"wildcards in a search stand for themselves", inCommunity(wildcards)},
	{"an interest is one in every spelling", inCommunity(interestSpellings)},
	{"a blank message is refused and costs nothing", inCommunity(blankMessages)},
	{"text that is not valid is refused", inCommunity(brokenText)},
	{"emoji come back whole", inCommunity(emoji)},
	{"prices are exact", inCommunity(exactPrices)},
	{"a proposal must begin in the future", inCommunity(pastProposals)},
	{"hours around the change to summer time do not overlap", inCommunity(summerTime)},
	{"a reservation is refunded once", inCommunity(refundedOnce)},
	{"everything that is held can be freed", inCommunity(everythingFreed)},
	{"pages hold each thing of one moment once", inCommunity(oneMomentPages)},
	{"unread messages are counted exactly", inCommunity(unreadCounts)},
	{"a reported message is copied with the two before it", inCommunity(messageReported)},
	{"a suspended user comes back", inCommunity(suspendedAndBack)},
	{"the history and reports stay after the other left", inCommunity(afterLeaving)},
}

// invalid fails the test unless err is fault.Invalid.
func (c *community) invalid(what string, err error) {
	c.Helper()
	if !errors.Is(err, fault.Invalid) {
		c.Errorf("%s returned %v, want fault.Invalid", what, err)
	}
}

func addressSpellings(c *community) {
	in, err := c.accounts.SignUp(c.ctx, users.SignUp{Name: "Zoe", Email: "zoe@bücher.example ", Password: password}, "")
	c.must(err)
	for _, address := range []string{
		"zoe@bücher.example", " zoe@bücher.example\u200b", "Zoe@BÜCHER.example", "zoe@xn--bcher-kva.example",
		"zoe@bu\u0308cher.example",
	} {
		again, err := c.accounts.SignIn(c.ctx, users.SignIn{Email: address, Password: password})
		if err != nil || again.User.ID != in.User.ID {
			c.Errorf("%+q signs in to %s with error %v, want %s", address, again.User.ID, err, in.User.ID)
		}
		_, err = c.accounts.SignUp(c.ctx, users.SignUp{Name: "Zoe", Email: address, Password: password}, "")
		if !errors.Is(err, users.ErrEmailTaken) {
			c.Errorf("%+q signs up: %v, want ErrEmailTaken", address, err)
		}
	}
}

func passwordForms(c *community) {
	composed, decomposed := "caf\u00e9 in Lyon", "cafe\u0301 in\u00a0Lyon"
	_, err := c.accounts.SignUp(c.ctx, users.SignUp{Name: "Ada", Email: "ada@example.org", Password: composed}, "")
	c.must(err)
	if _, err := c.accounts.SignIn(c.ctx, users.SignIn{Email: "ada@example.org", Password: decomposed}); err != nil {
		c.Errorf("the decomposed form does not sign in: %v", err)
	}
}

func invisibleNames(c *community) {
	for _, name := range []string{"\u3164", "\u200b", " \u2800", "ada\u202e", "\u2066ada"} {
		_, err := c.accounts.SignUp(c.ctx, users.SignUp{Name: name, Email: "ada@example.org", Password: password}, "")
		c.invalid("signing up as "+strings.ToValidUTF8(name, "?"), err)
	}
	c.join("ada") // none of them took the address
}

func firstNames(c *community) {
	ben := c.join("ben")
	for name, want := range map[string]string{"Ada\u00a0Lovelace": "Ada", "Grace\u3000Hopper": "Grace", " Mary  Ann ": "Mary"} {
		address := want + "@example.org"
		in, err := c.accounts.SignUp(c.ctx, users.SignUp{Name: name, Email: address, Password: password}, "")
		c.must(err)
		c.talk(in.User, ben)
		p, err := c.messaging.Conversations(c.ctx, ben.ID, page.Request[page.Moment]{Limit: 1})
		c.must(err)
		// The name of the other is not their whole name, which is for their own eyes.
		c.same("the first name of "+name, p.Items[0].Other.FirstName, want)
	}
}

// found returns the first names of those whom a search finds.
func (c *community) found(by users.User, s matching.Search) (names string) {
	c.Helper()
	p, err := c.matching.Matches(c.ctx, by.ID, s, page.Request[matching.Rank]{})
	c.must(err)
	for _, m := range p.Items {
		names += m.Profile.FirstName
	}
	return names
}

// live moves a user to a city.
func (c *community) live(u users.User, country, city string) {
	c.Helper()
	p := matching.Profile{FirstName: u.Name, Country: country, City: city, IsSearchable: true}
	_, err := c.matching.SaveProfile(c.ctx, u.ID, p, nil)
	c.must(err)
}

func placeSpellings(c *community) {
	viewer := c.join("viewer")
	c.live(c.join("a"), "Brasil", "São Paulo")
	c.live(c.join("b"), "Türkiye", "İstanbul")
	c.live(c.join("c"), "Deutschland", "Berlin ")
	for city, want := range map[string]string{
		"Sao Paulo": "a", "sa\u0303o  paulo": "a", "istanbul": "b", "ISTANBUL": "b", "İSTANBUL ": "b", "ıstanbul": "b",
		"Berlin": "c", " berlin": "c", "Berl": "",
	} {
		c.same("found in "+city, c.found(viewer, matching.Search{City: city}), want)
	}
	c.same("found in turkiye", c.found(viewer, matching.Search{Country: "turkiye"}), "b")
}

func wildcards(c *community) {
	viewer := c.join("viewer")
	c.live(c.join("a"), "France", "100% Lyon")
	c.live(c.join("b"), "France", "100 Lyon")
	for city, want := range map[string]string{
		"100% Lyon": "a", "100_ Lyon": "", "%": "", ".*": "", "100 Lyon": "b", `100\% Lyon`: "", "$ne": "",
	} {
		c.same("found in "+city, c.found(viewer, matching.Search{City: city}), want)
	}
}

func interestSpellings(c *community) {
	admin := c.admin("admin")
	hiking, err := c.matching.CreateInterest(c.ctx, admin.ID, matching.InterestChange{Name: ptr("Hiking ")}, "")
	c.must(err)
	c.same("the name", hiking.Name, "Hiking")
	for _, name := range []string{"Hiking", "hiking", "\u200bHIKING", "Hiking\u00a0"} {
		_, err := c.matching.CreateInterest(c.ctx, admin.ID, matching.InterestChange{Name: &name}, "")
		if !errors.Is(err, matching.ErrInterestTaken) {
			c.Errorf("another interest %+q returned %v, want ErrInterestTaken", name, err)
		}
	}
}

func blankMessages(c *community) {
	ada, ben := c.join("ada"), c.join("ben")
	talk := c.talk(ada, ben)
	for _, content := range []string{"", " ", "\n\t", "\u3164", "\u200b\u2800", "\ufeff"} {
		_, err := c.messaging.Send(c.ctx, ada.ID, talk.ID, messaging.Draft{Content: content}, "")
		c.invalid("sending a blank message", err)
	}
	c.balanced(ada.ID, 50)
}

func brokenText(c *community) {
	ada, ben := c.join("ada"), c.join("ben")
	talk := c.talk(ada, ben)
	for _, text := range []string{"a\x00b", "half \xed\xa0\xbd", "\xff", "cut \xf0\x9f\x98"} {
		_, err := c.messaging.Send(c.ctx, ada.ID, talk.ID, messaging.Draft{Content: text}, "")
		c.invalid("sending text that is not valid", err)
		_, err = c.accounts.ChangeMe(c.ctx, ada.ID, users.Change{Bio: &text})
		c.invalid("a biography that is not valid", err)
		_, err = c.matching.SaveProfile(c.ctx, ada.ID, matching.Profile{City: text}, nil)
		c.invalid("a city that is not valid", err)
	}
	c.balanced(ada.ID, 50)
}

func emoji(c *community) {
	const family = "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 e\u0301"
	ada, ben := c.join("ada"), c.join("ben")
	talk := c.talk(ada, ben)
	sent, err := c.messaging.Send(c.ctx, ada.ID, talk.ID, messaging.Draft{Content: family}, "")
	c.must(err)
	history, err := c.messaging.Messages(c.ctx, ben.ID, talk.ID, page.Request[page.Moment]{})
	c.must(err)
	c.same("the message that was read", history.Items[0].Content, sent.Content)
	if !strings.HasPrefix(sent.Content, "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 ") {
		c.Errorf("the message is %+q, and was sent as %+q", sent.Content, family)
	}
}
