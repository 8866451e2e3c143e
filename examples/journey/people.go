package main

import (
	"context"
	"fmt"

	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// person is somebody who signed in, and what their wallet must hold by now.
type person struct {
	*httpapi.Client // that calls as them
	user            httpapi.User
	refreshToken    string
	wallet          httpapi.Wallet
}

func newPerson(nobody *httpapi.Client, in httpapi.SignedIn) *person {
	return &person{Client: nobody.As(in.AccessToken), user: in.User, refreshToken: in.RefreshToken}
}

// signUp makes an account, twice with the same key as after a lost answer, and sees that there is one
// bonus in its wallet.
func signUp(ctx context.Context, nobody *httpapi.Client, in httpapi.SignUp) (*person, error) {
	key := idempotency.Key("sign-up-" + in.Email)
	first, err := nobody.SignUp(ctx, in, key)
	if err != nil {
		return nil, fmt.Errorf("sign up %s: %w", in.Email, err)
	}
	again, err := nobody.SignUp(ctx, in, key)
	if err != nil {
		return nil, fmt.Errorf("sign up %s again with the same key: %w", in.Email, err)
	}
	if first.User.ID != again.User.ID {
		return nil, fmt.Errorf("signing up twice with one key made two users, %s and %s", first.User.ID, again.User.ID)
	}
	p := newPerson(nobody, again)
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

// checkWallet compares the wallet with what it must hold.
func (p *person) checkWallet(ctx context.Context) error {
	w, err := p.Wallet(ctx)
	if err != nil {
		return fmt.Errorf("read the wallet of %s: %w", p.user.Name, err)
	}
	if w != p.wallet {
		return fmt.Errorf("%s has %d tokens and %d held, but must have %d and %d",
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
