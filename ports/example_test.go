package ports_test

import (
	"context"
	"fmt"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// This example uses one store for two domains, each through a narrowed store, and audits the whole
// store.
func Example() {
	ctx := context.Background()
	store := ports.NewStore(memory.New(), uow.Policy{})
	ids := id.NewGenerator(nil)
	ada := users.User{
		ID: id.User(ids.Next()), Name: "Ada", Email: "ada@example.org", Role: users.RoleUser, IsActive: true,
	}

	err := ports.ForUsers(store).Do(ctx, func(ctx context.Context, tx users.Tx) error {
		if _, err := tx.Users().Add(ctx, ada, users.PasswordHash{}); err != nil {
			return err
		}
		return tokens.NewLedger(ids).Open(ctx, tx, ada.ID)
	})
	fmt.Println("added:", err)

	err = ports.ForTokens(store).Do(ctx, func(ctx context.Context, tx tokens.Tx) error {
		_, err := tx.Tokens().Post(ctx, tokens.Entry{
			ID: id.Transaction(ids.Next()), UserID: ada.ID, Amount: 50, Type: tokens.SignupBonus,
		})
		return err
	})
	fmt.Println("credited:", err)

	found, err := audit.New(ports.ForAudit(store)).Audit(ctx)
	fmt.Println(found.Wallets, found.Transactions, found.Held, found.Violations, err)
	// Output:
	// added: <nil>
	// credited: <nil>
	// 1 1 0 [] <nil>
}
