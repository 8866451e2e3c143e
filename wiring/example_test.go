package wiring_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/cicerone-go/cicerone/adapters/mail"
	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/wiring"
)

// A host uses the services without HTTP, over its own store and with another sign-up bonus.
func ExampleNewServices() {
	ctx := context.Background()
	storage := memory.New()
	c := wiring.DefaultConfig()
	c.Users.SignupBonus = 200
	c.PasswordCost = 4 // the lowest, to make the example fast; keep the default in production
	c.Mailer = mail.NewLog(slog.New(slog.DiscardHandler), nil)
	services, err := wiring.NewServices(c, storage)
	if err != nil {
		fmt.Println(err)
		return
	}
	u, err := services.Users.Register(ctx, users.SignUp{Name: "Ada", Email: "ada@example.org", Password: "long enough"})
	if err != nil {
		fmt.Println(err)
		return
	}
	funds, err := services.Reservations.Funds(ctx, u.ID)
	fmt.Println(funds.Balance, err)
	fmt.Println(storage.Close(ctx))
	// Output:
	// 200 <nil>
	// <nil>
}

// Validate reports all invalid fields together.
func ExampleConfig_Validate() {
	c := wiring.DefaultConfig()
	c.Users.SignupBonus = -5
	c.PasswordCost = 3
	fmt.Println(c.Validate())
	// Output:
	// Users.SignupBonus: must be 0 to 9007199254740991 tokens, is -5
	// PasswordCost: bcrypt: cost 3: must be 4 to 31
}
