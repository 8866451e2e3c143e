package privacy_test

import (
	"errors"
	"fmt"
	"log"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
)

// A user exports their data, and then erases the account. What they wrote stays with the other
// participant, under the name "deleted".
func Example() {
	w := coretest.NewWorld(coretest.Example{}, memory.New()) // all services: see the example of core/services
	ctx, service := w.Ctx, w.Privacy
	ada, luca := w.Person("Ada"), w.Local("Luca")
	conversation := w.Conversation(ada, luca)
	draft := messaging.Draft{Content: "Good evening!"}
	if _, err := w.Messaging.Send(ctx, ada, conversation, draft, ""); err != nil {
		log.Fatal(err)
	}

	export, err := service.Export(ctx, users.Caller{UserID: ada})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(export.User.Name, export.Wallet.Balance)
	for conversation, err := range export.Conversations { // is read in batches
		if err != nil {
			log.Fatal(err)
		}
		for m, err := range conversation.Messages {
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(m.Message.Content, m.Image == nil)
		}
	}

	fmt.Println(service.Erase(ctx, ada, "wrong horse", users.Device{}))
	fmt.Println(service.Erase(ctx, ada, coretest.Password, users.Device{}))
	_, err = w.Users.Me(ctx, ada)
	fmt.Println(errors.Is(err, users.ErrNotSignedIn))

	inbox, err := w.Messaging.Conversations(ctx, luca, page.Request[page.Moment]{})
	if err != nil {
		log.Fatal(err)
	}
	for _, o := range inbox.Items {
		fmt.Printf("%s: %s\n", o.Other.FirstName, o.LastMessage.Content)
	}
	// Output:
	// Ada 49
	// Good evening! true
	// password is not your password
	// <nil>
	// true
	// deleted: Good evening!
}
