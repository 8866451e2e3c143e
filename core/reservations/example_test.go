package reservations_test

import (
	"fmt"
	"log"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/reservations"
)

// The local proposes an activity and the voyager accepts it, which holds the voyager's tokens.
// Settle pays the local when the activity has ended.
func Example() {
	w := coretest.NewWorld(coretest.Example{}, memory.New()) // all services: see the example of core/services
	ctx, service := w.Ctx, w.Reservations
	ada, luca := w.Person("Ada"), w.Local("Luca")
	conversation := w.Conversation(ada, luca)

	price, err := reservations.ParsePrice("12.50")
	if err != nil {
		log.Fatal(err)
	}
	start := w.Clock.Now().Add(24 * time.Hour)
	r, err := service.Propose(ctx, luca, conversation, reservations.Proposal{
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

	w.Clock.Advance(26 * time.Hour)
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
