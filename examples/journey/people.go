package main

import (
	"context"
	"fmt"

	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/transport/client"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// person is a signed-in user.
type person struct {
	*client.Client // signed in as the user
	user           httpapi.User
	refreshToken   string
	wallet         httpapi.Wallet // the expected one
}

func newPerson(anonymous *client.Client, in httpapi.SignedIn) *person {
	return &person{Client: anonymous.As(in.AccessToken), user: in.User, refreshToken: in.RefreshToken}
}

// signUp creates an account. It sends the request twice with the same key, as after a lost
// response, and checks that the wallet has one bonus.
func signUp(ctx context.Context, anonymous *client.Client, in httpapi.SignUp) (*person, error) {
	key := idempotency.Key("sign-up-" + in.Email)
	first, err := anonymous.SignUp(ctx, in, key)
	if err != nil {
		return nil, fmt.Errorf("sign up %s: %w", in.Email, err)
	}
	again, err := anonymous.SignUp(ctx, in, key)
	if err != nil {
		return nil, fmt.Errorf("sign up %s again with the same key: %w", in.Email, err)
	}
	if first.User.ID != again.User.ID {
		return nil, fmt.Errorf("signing up twice with one key created two users, %s and %s", first.User.ID, again.User.ID)
	}
	p := newPerson(anonymous, again)
	history, err := p.Transactions(ctx, httpapi.Paging{})
	if err != nil {
		return nil, fmt.Errorf("read the transactions of %s: %w", in.Email, err)
	}
	if len(history.Items) != 1 || history.Items[0].Type != tokens.SignupBonus {
		return nil, fmt.Errorf("a new wallet has the transactions %v, want one %s", history.Items, tokens.SignupBonus)
	}
	p.wallet.Balance = history.Items[0].Amount
	return p, p.checkWallet(ctx)
}

// checkWallet compares the wallet with the expected one.
func (p *person) checkWallet(ctx context.Context) error {
	w, err := p.Wallet(ctx)
	if err != nil {
		return fmt.Errorf("read the wallet of %s: %w", p.user.Name, err)
	}
	if w != p.wallet {
		return fmt.Errorf("%s has %d tokens and %d held, want %d and %d",
			p.user.Name, w.Balance, w.Held, p.wallet.Balance, p.wallet.Held)
	}
	return nil
}

func (p *person) String() string {
	if p.wallet.Held == 0 {
		return fmt.Sprintf("%s has %d tokens", p.user.Name, p.wallet.Balance)
	}
	return fmt.Sprintf("%s has %d tokens and %d held", p.user.Name, p.wallet.Balance, p.wallet.Held)
}
