package matching_test

import (
	"context"
	"fmt"
	"log"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// An admin creates interests, two users pick some of them, and one user finds the other by the
// interests that they share.
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
	service := all.Matching
	register := func(name string) id.User {
		in := users.SignUp{Name: name, Email: coretest.Email(name), Password: coretest.Password}
		u, err := all.Users.Register(ctx, in)
		if err != nil {
			log.Fatal(err)
		}
		return u.ID
	}
	ada, luca, grace := register("Ada"), register("Luca"), register("Grace")
	if _, err := all.Moderation.MakeAdmin(ctx, coretest.Email("Grace")); err != nil {
		log.Fatal(err)
	}
	interest := func(name string) id.Interest {
		i, err := service.CreateInterest(ctx, grace, matching.InterestChange{Name: &name}, "")
		if err != nil {
			log.Fatal(err)
		}
		return i.ID
	}
	art, food, tea := interest("Art"), interest("Food"), interest("Tea")

	profile := matching.Profile{FirstName: "Ada"}
	if _, err := service.SaveProfile(ctx, ada, profile, []id.Interest{art, tea}); err != nil {
		log.Fatal(err)
	}
	profile = matching.Profile{FirstName: "Luca", LastName: "Bianchi", City: "Rome", IsSearchable: true}
	if _, err := service.SaveProfile(ctx, luca, profile, []id.Interest{art, food, tea}); err != nil {
		log.Fatal(err)
	}

	found, err := service.Matches(ctx, ada, matching.Search{City: "rome"}, page.Request[matching.Rank]{})
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range found.Items {
		fmt.Printf("%s %q: %d\n", m.Profile.FirstName, m.Profile.LastName, m.Score) // others do not see the last name
		for _, i := range m.Shared {
			fmt.Println(i.Name)
		}
	}
	// Output:
	// Luca "": 2
	// Art
	// Tea
}
