package audit_test

import (
	"context"
	"fmt"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// This example audits a store in which an account without a wallet breaks a rule.
func Example() {
	ctx := context.Background()
	store := ports.NewStore(memory.New(), uow.Policy{})
	ada := users.User{ID: id.User(id.NewGenerator(nil).Next()), Name: "Ada", Role: users.RoleUser, IsActive: true}
	err := ports.ForUsers(store).Do(ctx, func(ctx context.Context, tx users.Tx) error {
		_, err := tx.Users().Add(ctx, ada, users.PasswordHash{})
		return err
	})
	fmt.Println("added:", err)

	found, err := audit.New(ports.ForAudit(store)).Audit(ctx)
	fmt.Println("audited:", err)
	for _, v := range found.Violations {
		fmt.Println(v.Rule, v.Detail, v.Subject == ada.ID.String())
	}
	// Output:
	// added: <nil>
	// audited: <nil>
	// wallet_user has no wallet true
}
