package moderation_test

import (
	"fmt"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/tokens"
)

// A user reports another one. An admin posts a penalty and resolves the report. Both acts are in
// the audit trail.
func Example() {
	w := coretest.NewWorld(coretest.Example{}, memory.New()) // all services: see the example of core/services
	ctx, service := w.Ctx, w.Moderation
	ada, luca, grace := w.Person("Ada"), w.Person("Luca"), w.AdminNamed("Grace")

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
