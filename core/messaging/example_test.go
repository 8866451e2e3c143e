package messaging_test

import (
	"context"
	"fmt"
	"log"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// A voyager opens a conversation with a local and sends a message, which costs one token. A repeat
// with the same key returns the same message and costs nothing.
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
	service := all.Messaging
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
	conversation, err := service.Open(ctx, ada, luca, "")
	if err != nil {
		log.Fatal(err)
	}

	draft := messaging.Draft{Content: "Good evening!"}
	first, err := service.Send(ctx, ada, conversation.Overview.Conversation.ID, draft, "first-message")
	if err != nil {
		log.Fatal(err)
	}
	again, err := service.Send(ctx, ada, conversation.Overview.Conversation.ID, draft, "first-message")
	fmt.Println(again.ID == first.ID, err)

	inbox, err := service.Conversations(ctx, luca, page.Request[page.Moment]{})
	if err != nil {
		log.Fatal(err)
	}
	for _, o := range inbox.Items {
		fmt.Printf("%s: %s (%d unread)\n", o.Other.FirstName, o.LastMessage.Content, o.Unread)
	}
	funds, err := all.Reservations.Funds(ctx, ada)
	fmt.Println(funds.Balance, err)
	// Output:
	// true <nil>
	// Ada: Good evening! (1 unread)
	// 49 <nil>
}
