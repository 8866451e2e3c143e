package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// An API serves the services, and a client calls it. The client returns the same errors as the
// services.
func Example() {
	ctx := context.Background()
	store := ports.NewStore(memory.New(), uow.DefaultPolicy())
	services, err := newServices(store, clock.System(), &mailbox{})
	if err != nil {
		panic(err)
	}
	server := httptest.NewServer(httpapi.New(services, httpapi.Options{Limits: edge.DefaultLimits()}))
	defer server.Close()

	client, err := httpapi.NewClient(server.URL)
	if err != nil {
		panic(err)
	}
	session, err := client.SignUp(ctx, httpapi.SignUp{Name: "Ada", Email: "ada@example.org", Password: "correct horse"}, "sign-up-1")
	if err != nil {
		panic(err)
	}
	ada := client.As(session.AccessToken)
	wallet, err := ada.Wallet(ctx)
	fmt.Println(wallet.Balance, err)
	_, err = ada.VerifyLedger(ctx)
	fmt.Println(errors.Is(err, users.ErrAdminsOnly), err)
	// Output:
	// 50 <nil>
	// true only an admin may do this
}
