package users_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// A service is made of a store and its parts. This example uses those of the tests;
// adapters/bcrypt, adapters/jwt, adapters/totp and adapters/mail have real ones.
func Example() {
	ctx := context.Background()
	clock := coretest.NewClock()
	ids := id.NewGenerator(clock.Now)
	store := ports.ForUsers(ports.NewStore(memory.New(), uow.Policy{}))
	passwords, mailbox, policy := users.NewPasswords(&coretest.Hasher{}), &coretest.Mailbox{}, users.DefaultPolicy()
	service, err := users.NewService(users.Deps{
		Store:     store,
		Ledger:    tokens.NewLedger(ids),
		Passwords: passwords,
		Guard:     users.NewGuard(store, passwords, ids, clock.Now, policy),
		Access:    &coretest.AccessTokens{Clock: clock},
		TOTP:      coretest.TOTP{},
		Mailer:    mailbox,
		Clock:     clock.Now,
		IDs:       ids,
		Policy:    policy,
	})
	if err != nil {
		log.Fatal(err)
	}

	in, err := service.SignUp(ctx, users.SignUp{Name: "Ada", Email: "ada@example.org", Password: "correct horse"}, "")
	if err != nil {
		log.Fatal(err)
	}
	caller, err := service.Authenticate(ctx, in.AccessToken)
	fmt.Println(caller.UserID == in.User.ID, caller.Role, err)

	_, err = service.SignIn(ctx, users.SignIn{Email: "ada@example.org", Password: "wrong horse"})
	fmt.Println(errors.Is(err, users.ErrSignIn), err)
	// Output:
	// true user <nil>
	// true the e-mail address or the password is wrong
}
