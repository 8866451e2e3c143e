package httpapi

import (
	"context"
)

// SignInWithCode starts a session of an account with a second factor. The code is that of the app, or
// a recovery code.
func (c *Client) SignInWithCode(ctx context.Context, email, password, code string) (SignedIn, error) {
	return call(ctx, c, logIn, logInRequest{Email: email, Password: password, Code: orNull(code)})
}

// SetUpSecondFactor begins to set up a second factor. ConfirmSecondFactor makes it active.
func (c *Client) SetUpSecondFactor(ctx context.Context, password string) (Enrolment, error) {
	return call(ctx, c, setUpSecondFactor, setUpSecondFactorRequest{password})
}

// ConfirmSecondFactor makes the second factor active with a code of the app, and returns the recovery
// codes.
func (c *Client) ConfirmSecondFactor(ctx context.Context, code string) (RecoveryCodes, error) {
	return call(ctx, c, confirmSecondFactor, confirmSecondFactorRequest{code})
}

// RemoveSecondFactor removes the second factor, with the password and a code of the app or a recovery
// code.
func (c *Client) RemoveSecondFactor(ctx context.Context, password, code string) error {
	_, err := call(ctx, c, removeSecondFactor, removeSecondFactorRequest{password, code})
	return err
}
