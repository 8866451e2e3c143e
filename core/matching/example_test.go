package matching_test

import (
	"fmt"
	"log"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/page"
)

// An admin creates interests, two users pick some of them, and one user finds the other by the
// interests that they share.
func Example() {
	w := coretest.NewWorld(coretest.Example{}, memory.New()) // all services: see the example of core/services
	ctx, service := w.Ctx, w.Matching
	ada, luca, grace := w.Person("Ada"), w.Person("Luca"), w.AdminNamed("Grace")
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
