package moderation_test

import (
	"context"
	"fmt"
	"log"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// A user reports another one. An admin posts a penalty and resolves the report. Both acts are in
// the audit trail.
func Example() {
	ctx := context.Background()
	clock := coretest.NewClock()
	store := ports.NewStore(memory.New(), uow.Policy{})
	all, err := services.New(ports.ForServices(store), services.Parts{
		Hasher: &coretest.Hasher{}, Access: &coretest.AccessTokens{Clock: clock}, Mailer: &coretest.Mailbox{},
		Images: coretest.Images{}, Clock: clock.Now,
	}, services.DefaultPolicies())
	if err != nil {
		log.Fatal(err)
	}
	service := all.Moderation
	register := func(name string) id.User {
		in := users.SignUp{Name: name, Email: coretest.Email(name), Password: coretest.Password}
		u, err := all.Users.Register(ctx, in)
		if err != nil {
			log.Fatal(err)
		}
		return u.ID
	}
	ada, luca, grace := register("Ada"), register("Luca"), register("Grace")
	if _, err := service.MakeAdmin(ctx, coretest.Email("Grace")); err != nil {
		log.Fatal(err)
	}

	report, err := service.Report(ctx, ada, moderation.ReportInput{ReportedUserID: luca, Reason: "spam"}, "")
	fmt.Println(report.Status, err)

	penalty, err := service.PostTokens(ctx, grace, luca,
		moderation.Adjustment{Type: tokens.Penalty, Amount: -80, Reason: "spam"}, "")
	fmt.Println(penalty.Amount, err) // limited to the balance

	resolved := moderation.Resolved
	report, err = service.ChangeReport(ctx, grace, report.ID, moderation.ReportChange{Status: &resolved})
	fmt.Println(report.Status, err)

	trail, err := service.Audits(ctx, grace, page.Request[page.Moment]{})
	for _, act := range trail.Items {
		fmt.Printf("%s for %q\n", act.Action, act.Reason)
	}
	fmt.Println(err)
	// Output:
	// pending <nil>
	// -50 <nil>
	// resolved <nil>
	// report.changed for ""
	// tokens.posted for "spam"
	// user.admin_appointed for "by the operator"
	// <nil>
}
