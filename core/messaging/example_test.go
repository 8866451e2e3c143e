package messaging_test

import (
	"fmt"
	"log"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
)

// A voyager opens a conversation with a local and sends a message, which costs one token. A repeat
// with the same key returns the same message and costs nothing.
func Example() {
	w := coretest.NewWorld(coretest.Example{}, memory.New()) // all services: see the example of core/services
	ctx, service := w.Ctx, w.Messaging
	ada, luca := w.Person("Ada"), w.Local("Luca")
	opened, err := service.Open(ctx, ada, luca, "")
	if err != nil {
		log.Fatal(err)
	}
	conversation := opened.Overview.Conversation.ID

	draft := messaging.Draft{Content: "Good evening!"}
	first, err := service.Send(ctx, ada, conversation, draft, "first-message")
	if err != nil {
		log.Fatal(err)
	}
	again, err := service.Send(ctx, ada, conversation, draft, "first-message")
	fmt.Println(again.ID == first.ID, err)

	inbox, err := service.Conversations(ctx, luca, page.Request[page.Moment]{})
	if err != nil {
		log.Fatal(err)
	}
	for _, o := range inbox.Items {
		fmt.Printf("%s: %s (%d unread)\n", o.Other.FirstName, o.LastMessage.Content, o.Unread)
	}
	funds, err := w.Reservations.Funds(ctx, ada)
	fmt.Println(funds.Balance, err)
	// Output:
	// true <nil>
	// Ada: Good evening! (1 unread)
	// 49 <nil>
}
