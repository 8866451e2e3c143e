package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// A use case charges a user inside its own unit of work, so that the charge is stored together with
// the other writes of the unit, or not at all.
func Example() {
	ctx := context.Background()
	now := clock.System()
	ids := id.NewGenerator(now)
	store := ports.NewStore(memory.New(), uow.Policy{})
	ledger := tokens.NewLedger(ids)

	ada := id.User(ids.Next())
	err := store.Do(ctx, func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Users().Add(ctx, users.User{ID: ada, Name: "Ada", Email: "ada@example.org", Role: users.RoleUser, IsActive: true,
			Version: 1, CreatedAt: now.Now(), UpdatedAt: now.Now()}, users.PasswordHash{})
		if err != nil {
			return err
		}
		if err := ledger.Open(ctx, tx, ada); err != nil {
			return err
		}
		_, err = ledger.Post(ctx, tx, now.Now(), tokens.Movement{UserID: ada, Amount: 50, Type: tokens.SignupBonus, Reason: "welcome"})
		return err
	})
	if err != nil {
		log.Fatal(err)
	}

	charge := func(amount int64) error {
		return store.Do(ctx, func(ctx context.Context, tx ports.Tx) error {
			_, err := ledger.Post(ctx, tx, now.Now(), tokens.Movement{UserID: ada, Amount: -amount, Type: tokens.MessageSent})
			return err
		})
	}
	fmt.Println(charge(20))
	fmt.Println(errors.Is(charge(31), tokens.ErrTooFewTokens))

	service, err := tokens.NewService(ports.ForTokens(store))
	if err != nil {
		log.Fatal(err)
	}
	last, err := service.Transactions(ctx, ada, page.Request[int64]{Limit: 1})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(last.Items[0].BalanceAfter)
	// Output:
	// <nil>
	// true
	// 30
}

func ExampleParseMetadata() {
	m, err := tokens.ParseMetadata([]byte(`{ "order": 4.20e1, "by": "Andr\u00e9" }`))
	fmt.Println(m, err)
	// Output: {"by":"André","order":42} <nil>
}
