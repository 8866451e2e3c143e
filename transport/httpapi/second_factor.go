package httpapi

import (
	"context"
	"net/http"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

type setUpSecondFactorRequest struct {
	Password string `json:"password" required:"true" format:"password"`
}

// Enrolment is what an authenticator app needs. It is shown once.
type Enrolment struct {
	Secret string `json:"secret" description:"In base32, for an app into which it is typed."`
	URI    string `json:"uri" description:"The secret with the issuer and the account, for a QR code." example:"otpauth://totp/cicerone:ada@example.org?secret=…"`
}

type confirmSecondFactorRequest struct {
	Code string `json:"code" required:"true" description:"The code that the app shows now."`
}

// RecoveryCodes are codes that work once each in place of a code of the app. They are shown once.
type RecoveryCodes struct {
	RecoveryCodes []string `json:"recovery_codes"`
}

type removeSecondFactorRequest struct {
	Password string `json:"password" required:"true" format:"password"`
	Code     string `json:"code" required:"true" description:"The code that the app shows now, or a recovery code."`
}

var (
	setUpSecondFactor = kithttp.Route[setUpSecondFactorRequest, Enrolment]{
		Name: "setUpSecondFactor", Secret: true, Method: http.MethodPost, Path: "/v1/me/totp",
		Summary: "Begin to set up a second factor, which is active once it is confirmed", Tags: tagAccount,
		Faults: []*fault.Error{users.ErrTooManyTries, users.ErrSecondFactorActive},
	}
	confirmSecondFactor = kithttp.Route[confirmSecondFactorRequest, RecoveryCodes]{
		Name: "confirmSecondFactor", Secret: true, Method: http.MethodPost, Path: "/v1/me/totp/confirm",
		Summary: "Make the second factor active, and get recovery codes", Tags: tagAccount,
		Faults: []*fault.Error{users.ErrTooManyTries, users.ErrSecondFactorActive, users.ErrNoSecondFactor},
	}
	removeSecondFactor = kithttp.Route[removeSecondFactorRequest, kithttp.None]{
		Name: "removeSecondFactor", Method: http.MethodDelete, Path: "/v1/me/totp",
		Summary: "Remove your second factor", Tags: tagAccount,
		Faults: []*fault.Error{users.ErrTooManyTries, users.ErrNoSecondFactor},
	}
)

func (a *API) serveSecondFactor() {
	asUser(a, edge.Hashing, setUpSecondFactor, a.setUpSecondFactor)
	asUser(a, edge.Cheap, confirmSecondFactor, a.confirmSecondFactor)
	asUser(a, edge.Hashing, removeSecondFactor, a.removeSecondFactor)
}

func (a *API) setUpSecondFactor(ctx context.Context, caller users.Caller, req setUpSecondFactorRequest) (Enrolment, error) {
	e, err := a.services.Users.SetUpSecondFactor(ctx, caller.UserID, req.Password, device(ctx))
	return Enrolment(e), err
}

func (a *API) confirmSecondFactor(ctx context.Context, caller users.Caller, req confirmSecondFactorRequest) (RecoveryCodes, error) {
	codes, err := a.services.Users.ConfirmSecondFactor(ctx, caller.UserID, req.Code, device(ctx))
	return RecoveryCodes{codes}, err
}

func (a *API) removeSecondFactor(ctx context.Context, caller users.Caller, req removeSecondFactorRequest) (kithttp.None, error) {
	return kithttp.None{}, a.services.Users.RemoveSecondFactor(ctx, caller.UserID, req.Password, req.Code, device(ctx))
}
