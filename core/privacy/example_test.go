package privacy_test

import (
	"context"
	"errors"
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

// A user exports their data, and then erases the account. What they wrote stays with the other
// participant, under the name "deleted".
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
	service := all.Privacy
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
	draft := messaging.Draft{Content: "Good evening!"}
	if _, err := all.Messaging.Send(ctx, ada, conversation.Overview.Conversation.ID, draft, ""); err != nil {
		log.Fatal(err)
	}

	export, err := service.Export(ctx, ada)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(export.User.Name, export.Wallet.Balance)
	for _, m := range export.Conversations[0].Messages {
		fmt.Println(m.Message.Content)
	}

	fmt.Println(service.Erase(ctx, ada, "wrong horse"))
	fmt.Println(service.Erase(ctx, ada, coretest.Password))
	_, err = all.Users.Me(ctx, ada)
	fmt.Println(errors.Is(err, users.ErrNotSignedIn))

	inbox, err := all.Messaging.Conversations(ctx, luca, page.Request[page.Moment]{})
	if err != nil {
		log.Fatal(err)
	}
	for _, o := range inbox.Items {
		fmt.Printf("%s: %s\n", o.Other.FirstName, o.LastMessage.Content)
	}
	// Output:
	// Ada 49
	// Good evening!
	// password is not your password
	// <nil>
	// true
	// deleted: Good evening!
}
