package reservations_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// The local proposes an activity and the voyager accepts it, which holds the voyager's tokens.
// Settle pays the local when the activity has ended.
func Example() {
	ctx := context.Background()
	clock := coretest.NewClock()
	all, err := services.New(ports.ForServices(ports.NewStore(memory.New(), uow.Policy{})), services.Parts{
		Hasher: &coretest.Hasher{}, Access: &coretest.AccessTokens{Clock: clock}, Mailer: &coretest.Mailbox{},
		Images: coretest.Images{}, Clock: clock.Now,
	}, services.DefaultPolicies())
	if err != nil {
		log.Fatal(err)
	}
	service := all.Reservations
	register := func(name string) id.User {
		in := users.SignUp{Name: name, Email: coretest.Email(name), Password: coretest.Password}
		u, err := all.Users.Register(ctx, in)
		if err != nil {
			log.Fatal(err)
		}
		return u.ID
	}
	ada, luca := register("Ada"), register("Luca")

	// Luca can be found, and so a conversation with him can be opened.
	profile := matching.Profile{FirstName: "Luca", IsSearchable: true}
	if _, err := all.Matching.SaveProfile(ctx, luca, profile, nil); err != nil {
		log.Fatal(err)
	}
	conversation, err := all.Messaging.Open(ctx, ada, luca, "")
	if err != nil {
		log.Fatal(err)
	}

	price, err := reservations.ParsePrice("12.50")
	if err != nil {
		log.Fatal(err)
	}
	start := clock.Now().Add(24 * time.Hour)
	r, err := service.Propose(ctx, luca, conversation.Overview.Conversation.ID, reservations.Proposal{
		Title: "A walk through Trastevere", Price: price, Date: start, EndDate: start.Add(2 * time.Hour),
	}, "")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Status, r.Tokens) // at the default rate, rounded up

	r, err = service.Accept(ctx, ada, r.ID, "")
	fmt.Println(r.Status, err)
	funds, err := service.Funds(ctx, ada)
	fmt.Println(funds.Balance, funds.Held, err)

	clock.Advance(26 * time.Hour)
	settled, err := service.Settle(ctx)
	fmt.Println(settled, err)
	funds, err = service.Funds(ctx, luca)
	fmt.Println(funds.Balance, err)
	// Output:
	// pending 13
	// accepted <nil>
	// 37 13 <nil>
	// 1 <nil>
	// 63 <nil>
}
