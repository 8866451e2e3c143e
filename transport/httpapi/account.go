package httpapi

import (
	"context"
	"net/http"
	"reflect"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// User is an account, as its owner and the admins see it.
type User struct {
	ID              id.User    `json:"id"`
	Name            string     `json:"name"`
	Email           *string    `json:"email" description:"Null if the account was erased."`
	EmailVerifiedAt *Time      `json:"email_verified_at" description:"When the address was shown to be the user's; null if it was not."`
	Bio             *string    `json:"bio"`
	Location        *string    `json:"location"`
	Locale          *string    `json:"locale" description:"The language of the user, of mail for instance, as a BCP 47 tag; null if it is not known."`
	Role            users.Role `json:"role" enum:"user,admin"`
	IsActive        bool       `json:"is_active"`
	SecondFactor    bool       `json:"second_factor" description:"A sign-in needs a code, too."`
	CreatedAt       Time       `json:"created_at"`
	UpdatedAt       Time       `json:"updated_at"`
}

func userOf(u users.User) User {
	return User{
		ID: u.ID, Name: u.Name, Email: orNull(u.Email), EmailVerifiedAt: orNull(Time(u.EmailVerifiedAt)),
		Bio: orNull(u.Bio), Location: orNull(u.Location), Locale: orNull(u.Locale),
		Role: u.Role, IsActive: u.IsActive, SecondFactor: u.SecondFactor,
		CreatedAt: Time(u.CreatedAt), UpdatedAt: Time(u.UpdatedAt),
	}
}

// Me is the caller's own account.
type Me struct {
	User
	UnreadCount int `json:"unread_count" description:"The number of unread messages in all conversations, at most 1000."`
}

// UserChange is a change of the caller's own account.
type UserChange struct {
	Name     kithttp.Optional[string] `json:"name,omitzero" nullable:"false" minLength:"1" maxLength:"100"`
	Bio      kithttp.Optional[string] `json:"bio,omitzero" maxLength:"2000"`
	Location kithttp.Optional[string] `json:"location,omitzero" maxLength:"200"`
	Locale   kithttp.Optional[string] `json:"locale,omitzero" maxLength:"35" description:"A BCP 47 tag, like fr or pt-BR."`
}

func (c UserChange) change() users.Change {
	return users.Change{Name: change(c.Name), Bio: change(c.Bio), Location: change(c.Location), Locale: change(c.Locale)}
}

type eraseMeRequest struct {
	Password *string `json:"password,omitzero" format:"password" description:"Required if the account has a password."`
}

type changePasswordRequest struct {
	CurrentPassword string `json:"current_password" required:"true" format:"password"`
	Password        string `json:"password" required:"true" format:"password" minLength:"8"`
}

var (
	tagAccount = []string{"account"}

	me = kithttp.Route[kithttp.None, Me]{
		Name: "me", Method: http.MethodGet, Path: "/v1/me", Summary: "Read your own account", Tags: tagAccount,
	}
	changeMe = kithttp.Route[UserChange, User]{
		Name: "changeMe", Method: http.MethodPatch, Path: "/v1/me", Summary: "Change your own account", Tags: tagAccount,
	}
	eraseMe = kithttp.Route[eraseMeRequest, kithttp.None]{
		Name: "eraseMe", Method: http.MethodDelete, Path: "/v1/me", OptionalBody: true,
		Summary: "Erase your own account permanently", Tags: tagAccount,
		Faults: []*fault.Error{users.ErrTooManyTries, users.ErrLastAdmin},
	}
	changePassword = kithttp.Route[changePasswordRequest, kithttp.None]{
		Name: "changePassword", Method: http.MethodPut, Path: "/v1/me/password",
		Summary: "Change your password, and end all your sessions", Tags: tagAccount,
		Faults: []*fault.Error{users.ErrTooManyTries},
	}
	exportMe = kithttp.Route[kithttp.None, kithttp.Stream]{
		Name: "exportMe", Method: http.MethodGet, Path: "/v1/me/export",
		Summary: "Get all data that is stored about you", Tags: tagAccount,
		Document: reflect.TypeFor[Export](),
	}
)

func (a *API) serveAccount() {
	asUser(a, edge.Cheap, me, a.me)
	asUser(a, edge.Cheap, changeMe, a.changeMe, kithttp.Checked(func(r UserChange, f *fault.Fields) { r.change().Check(f) }))
	asSuspended(a, edge.Hashing, eraseMe, a.eraseMe)
	asUser(a, edge.Hashing, changePassword, a.changePassword, kithttp.Checked(func(r changePasswordRequest, f *fault.Fields) {
		a.services.Users.Policy().CheckPassword(f, r.Password)
	}))
	asSuspended(a, edge.Export, exportMe, a.exportMe)
}

func (a *API) me(ctx context.Context, caller users.Caller, _ kithttp.None) (Me, error) {
	u, err := a.services.Users.Me(ctx, caller.UserID)
	if err != nil {
		return Me{}, err
	}
	n, err := a.services.Messaging.Unread(ctx, caller.UserID)
	return Me{userOf(u), n}, err
}

func (a *API) changeMe(ctx context.Context, caller users.Caller, req UserChange) (User, error) {
	u, err := a.services.Users.ChangeMe(ctx, caller.UserID, req.change())
	return userOf(u), err
}

func (a *API) eraseMe(ctx context.Context, caller users.Caller, req eraseMeRequest) (kithttp.None, error) {
	return kithttp.None{}, a.services.Privacy.Erase(ctx, caller.UserID, orZero(req.Password), device(ctx))
}

func (a *API) changePassword(ctx context.Context, caller users.Caller, req changePasswordRequest) (kithttp.None, error) {
	return kithttp.None{}, a.services.Users.ChangePassword(ctx, caller.UserID, req.CurrentPassword, req.Password, device(ctx))
}
