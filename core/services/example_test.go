package services_test

import (
	"context"
	"fmt"
	"log"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// This example uses the parts of the tests. adapters/bcrypt, adapters/jwt, adapters/totp,
// adapters/mail, adapters/images and secret.NewBox have real ones.
func Example() {
	policies := services.DefaultPolicies()
	policies.Users.SignupBonus = 7
	all, err := services.New(ports.ForServices(ports.NewStore(memory.New(), uow.Policy{})), services.Parts{
		Hasher:  &coretest.Hasher{},
		Access:  &coretest.AccessTokens{Clock: coretest.NewClock()},
		TOTP:    coretest.TOTP{},
		Mailer:  &coretest.Mailbox{},
		Images:  coretest.Images{},
		Secrets: coretest.Secrets(),
	}, policies)
	if err != nil {
		log.Fatal(err)
	}
	ada, err := all.Users.Register(context.Background(), users.SignUp{Name: "Ada", Email: "ada@example.org", Password: "correct horse"})
	if err != nil {
		log.Fatal(err)
	}
	funds, err := all.Reservations.Funds(context.Background(), ada.ID)
	fmt.Println(funds.Balance, err)
	// Output: 7 <nil>
}
