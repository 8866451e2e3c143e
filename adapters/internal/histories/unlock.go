package histories

import (
	"context"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/users"
)

// unlock checks that every token can be spent at the end of a history. An admin ends each accepted
// reservation in one step, and in others lifts the sanctions of each user and reactivates them. Then
// nothing is held, and each user spends all their tokens.
func (h *history) unlock() {
	people := h.known.people
	admin := h.must(h.signUp("Operator", "")).(users.User).ID
	h.must(h.appoint(email("Operator")))
	shop := h.must(h.signUp("Shop", "")).(users.User).ID
	h.must(h.saveProfile(shop, matching.Profile{IsSearchable: true}, nil))

	for _, r := range h.accepted(admin) {
		h.must(h.endReservation(admin, r.ID, draw(h, "end", reservations.Cancelled, reservations.Completed)))
	}
	for i, u := range people {
		account := h.must(command{name: "an admin reads " + u.Name, do: func(ctx context.Context, c *lane) (any, error) {
			return c.Moderation.User(ctx, admin, u.ID)
		}}).(users.User)
		funds := h.funds(u.ID)
		switch {
		case funds.Held != 0 || account.Erased && funds.Balance != 0:
			h.Errorf("%s has %+v, which cannot be spent", u.Name, funds)
		case !account.Erased && funds.Balance > 0:
			h.release(admin, u.ID)
			if !account.IsActive && !account.Suspended() {
				h.must(h.changeUser(admin, u.ID, true, account.Role))
			}
			h.spend(u.ID, shop, funds.Balance, h.clock.Now().Add(time.Duration(i+1)*time.Hour))
		}
	}
}

// release lifts all sanctions of a user.
func (h *history) release(admin, of id.User) {
	sanctions := h.must(command{name: "an admin lists the sanctions of " + of.String(), do: func(ctx context.Context, c *lane) (any, error) {
		return page.All(moderation.PlaceOfSanction, func(after *page.Moment, limit int) ([]moderation.Sanction, error) {
			p, err := c.Moderation.Sanctions(ctx, admin, of, page.Request[page.Moment]{After: after, Limit: limit})
			return p.Items, err
		})
	}}).([]moderation.Sanction)
	for _, s := range sanctions {
		if s.Outcome != moderation.Lifted {
			h.must(h.decide(admin, s.ID, moderation.Lifted))
		}
	}
}

// spend pays all tokens of a user for a reservation at the shop.
func (h *history) spend(user, shop id.User, balance int64, at time.Time) {
	price, err := reservations.ParsePrice(fmt.Sprint(balance))
	if err != nil {
		h.Fatal(err)
	}
	talk := h.must(h.openTalk(user, shop, "")).(messaging.OpenResult).Overview.Conversation
	r := h.must(h.propose(user, talk.ID, reservations.Proposal{
		Title: "all I have", Price: price, Date: at, EndDate: at.Add(time.Hour),
	}, "")).(reservations.View)
	h.must(h.move("accept", shop, r.ID, ""))
	if got := h.funds(user); got != (reservations.Funds{Held: balance}) {
		h.Errorf("a user who paid all of %d tokens has %+v", balance, got)
	}
}

func (h *history) funds(of id.User) reservations.Funds {
	return h.must(command{name: "the funds of " + of.String(), do: func(ctx context.Context, c *lane) (any, error) {
		return c.Reservations.Funds(ctx, of)
	}}).(reservations.Funds)
}

func (h *history) accepted(admin id.User) []reservations.Reservation {
	return h.must(command{name: "an admin lists accepted ones", do: func(ctx context.Context, c *lane) (any, error) {
		return page.All(reservations.Place, func(after *page.Moment, limit int) ([]reservations.Reservation, error) {
			p, err := c.Reservations.All(ctx, admin, reservations.Filter{Status: reservations.Accepted},
				page.Request[page.Moment]{After: after, Limit: limit})
			return p.Items, err
		})
	}}).([]reservations.Reservation)
}

// must runs a command that no store may refuse.
func (h *history) must(c command) any {
	a := h.run(c)
	if a.err != nil {
		h.Fatalf("%s: %v", c.name, a.err)
	}
	return a.value
}
