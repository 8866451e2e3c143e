package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// SignUp is the data of a new account.
type SignUp struct {
	Name     string `json:"name" required:"true" minLength:"1" maxLength:"100" example:"Ada Lovelace"`
	Email    string `json:"email" required:"true" format:"email" example:"ada@example.org"`
	Password string `json:"password" required:"true" format:"password" minLength:"8" description:"At least 8 characters, and at most 72 bytes."`
}

type signUpRequest struct {
	keyed
	SignUp
}

func (r signUpRequest) input(ctx context.Context) users.SignUp {
	return users.SignUp{
		Name: r.Name, Email: r.Email, Password: r.Password, Languages: edge.CallFrom(ctx).Languages, From: device(ctx),
	}
}

// account names the account for the lane of Hashing, whether or not it exists.
func (r signUpRequest) account() string { return text.FoldAddress(r.Email).String() }

// device returns what the server knows of the program that makes the request.
func device(ctx context.Context) users.Device {
	call := edge.CallFrom(ctx)
	return users.Device{Client: call.Client, Address: call.Address}
}

type logInRequest struct {
	Email    string  `json:"email" required:"true"`
	Password string  `json:"password" required:"true" format:"password"`
	Code     *string `json:"code,omitzero" description:"Of the app, or a recovery code. Required if the account has a second factor."`
}

// account names the account for the lane of Hashing, whether or not it exists.
func (r logInRequest) account() string { return text.FoldAddress(r.Email).String() }

type refreshRequest struct {
	RefreshToken string `json:"refresh_token" required:"true"`
}

type forgotPasswordRequest struct {
	Email string `json:"email" required:"true" format:"email"`
}

type resetPasswordRequest struct {
	Token    string `json:"token" required:"true" description:"The secret from the mail."`
	Password string `json:"password" required:"true" format:"password" minLength:"8"`
}

// SignedIn is the response to a sign-up, a login and a refresh.
type SignedIn struct {
	User         User   `json:"user"`
	AccessToken  string `json:"access_token" description:"For the header Authorization: Bearer."`
	RefreshToken string `json:"refresh_token" description:"Can be exchanged for new tokens, and for a few seconds again if the answer was lost."`
	TokenType    string `json:"token_type" enum:"Bearer"`
	ExpiresIn    int64  `json:"expires_in" description:"The lifetime of the access token in seconds."`
}

func signedInOf(s users.SignedIn) SignedIn {
	return SignedIn{
		User: userOf(s.User), AccessToken: s.AccessToken, RefreshToken: s.RefreshToken,
		TokenType: "Bearer", ExpiresIn: int64(s.ExpiresIn / time.Second),
	}
}

var (
	tagAuth = []string{"signing in"}

	signUp = kithttp.Route[signUpRequest, SignedIn]{
		Name: "signUp", Secret: true, Method: http.MethodPost, Path: "/v1/auth/signup", Status: http.StatusCreated,
		Summary: "Create an account with a wallet and a bonus", Tags: tagAuth,
		Faults: []*fault.Error{users.ErrSignIn, users.ErrCodeRequired, users.ErrTooManyTries, users.ErrEmailTaken},
	}
	logIn = kithttp.Route[logInRequest, SignedIn]{
		Name: "logIn", Secret: true, Method: http.MethodPost, Path: "/v1/auth/login",
		Summary: "Sign in", Tags: tagAuth,
		Faults: []*fault.Error{users.ErrSignIn, users.ErrCodeRequired, users.ErrWrongCode, users.ErrTooManyTries},
	}
	refresh = kithttp.Route[refreshRequest, SignedIn]{
		Name: "refresh", Secret: true, Method: http.MethodPost, Path: "/v1/auth/refresh",
		Summary: "Exchange a refresh token for new tokens; a use after its grace ends the session", Tags: tagAuth,
		Faults: []*fault.Error{users.ErrRefresh},
	}
	logOut = kithttp.Route[refreshRequest, kithttp.None]{
		Name: "logOut", Method: http.MethodPost, Path: "/v1/auth/logout",
		Summary: "End the session of a refresh token", Tags: tagAuth,
	}
	forgotPassword = kithttp.Route[forgotPasswordRequest, kithttp.None]{
		Name: "forgotPassword", Method: http.MethodPost, Path: "/v1/auth/password/forgot", Status: http.StatusAccepted,
		Summary: "Mail a secret for a new password, if the account exists", Tags: tagAuth,
	}
	resetPassword = kithttp.Route[resetPasswordRequest, kithttp.None]{
		Name: "resetPassword", Method: http.MethodPost, Path: "/v1/auth/password/reset",
		Summary: "Set a new password with the mailed secret, and end all sessions", Tags: tagAuth,
	}
)

func (a *API) serveAuth() {
	anyone(a, edge.Hashing, signUp, a.signUp, kithttp.Checked(func(r signUpRequest, f *fault.Fields) {
		r.input(context.Background()).Check(f, a.services.Users.Policy())
	}))
	anyone(a, edge.Hashing, logIn, a.logIn)
	anyone(a, edge.Cheap, refresh, a.refresh)
	anyone(a, edge.Cheap, logOut, a.logOut)
	anyone(a, edge.Cheap, forgotPassword, a.forgotPassword)
	anyone(a, edge.Hashing, resetPassword, a.resetPassword, kithttp.Checked(func(r resetPasswordRequest, f *fault.Fields) {
		a.services.Users.Policy().CheckPassword(f, r.Password)
	}))
}

func (a *API) signUp(ctx context.Context, req signUpRequest) (SignedIn, error) {
	s, err := a.services.Users.SignUp(ctx, req.input(ctx), req.key())
	return signedInOf(s), err
}

func (a *API) logIn(ctx context.Context, req logInRequest) (SignedIn, error) {
	s, err := a.services.Users.SignIn(ctx, users.SignIn{
		Email: req.Email, Password: req.Password, Code: orZero(req.Code), From: device(ctx),
	})
	return signedInOf(s), err
}

func (a *API) refresh(ctx context.Context, req refreshRequest) (SignedIn, error) {
	s, err := a.services.Users.Refresh(ctx, req.RefreshToken)
	return signedInOf(s), err
}

func (a *API) logOut(ctx context.Context, req refreshRequest) (kithttp.None, error) {
	return kithttp.None{}, a.services.Users.SignOut(ctx, req.RefreshToken)
}

func (a *API) forgotPassword(ctx context.Context, req forgotPasswordRequest) (kithttp.None, error) {
	return kithttp.None{}, a.services.Users.ForgotPassword(ctx, req.Email, device(ctx))
}

func (a *API) resetPassword(ctx context.Context, req resetPasswordRequest) (kithttp.None, error) {
	return kithttp.None{}, a.services.Users.ResetPassword(ctx, req.Token, req.Password, device(ctx))
}
