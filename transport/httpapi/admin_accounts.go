package httpapi

import (
	"context"
	"net/http"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// AccountFilter selects accounts. The zero value of a field selects all.
type AccountFilter struct {
	Query    string     `query:"q" description:"A part of the name or the e-mail address, in any case."`
	Role     users.Role `query:"role" enum:"user,admin"`
	IsActive *bool      `query:"is_active"`
}

type accountsRequest struct {
	AccountFilter
	Paging
}

type accountRequest struct {
	ID pathID `path:"id"`
}

// AccountChange is a change of an account by an admin.
type AccountChange struct {
	Role     kithttp.Optional[users.Role] `json:"role,omitzero" nullable:"false" enum:"user,admin"`
	IsActive kithttp.Optional[bool]       `json:"is_active,omitzero" nullable:"false"`
	Reason   kithttp.Optional[string]     `json:"reason,omitzero" maxLength:"500" description:"For the audit trail."`
}

func (c AccountChange) change() moderation.AccountChange {
	return moderation.AccountChange{Role: change(c.Role), IsActive: change(c.IsActive), Reason: c.Reason.Value}
}

type changeAccountRequest struct {
	ID pathID `path:"id"`
	AccountChange
}

type accountTransactionsRequest struct {
	ID pathID `path:"id"`
	Paging
}

// Adjustment is a transaction that an admin posts to a user's wallet.
type Adjustment struct {
	Type     tokens.Type      `json:"type" required:"true" enum:"ADMIN_ADJUSTMENT,PENALTY,BONUS,PURCHASE,DEPOSIT,WITHDRAWAL"`
	Amount   int64            `json:"amount" required:"true" description:"A credit if above 0, a debit if below 0. A penalty takes no more than the balance."`
	Reason   string           `json:"reason" required:"true" minLength:"1" maxLength:"500"`
	Metadata *tokens.Metadata `json:"metadata" description:"A JSON object of at most 4 KiB."`
}

func (a Adjustment) adjustment() moderation.Adjustment {
	return moderation.Adjustment{Type: a.Type, Amount: a.Amount, Reason: a.Reason, Metadata: orZero(a.Metadata)}
}

type postTokensRequest struct {
	ID pathID `path:"id"`
	keyed
	Adjustment
}

var (
	tagAdminAccounts = []string{"admin: accounts"}

	accounts = kithttp.Route[accountsRequest, Page[User]]{
		Name: "adminUsers", Method: http.MethodGet, Path: "/v1/admin/users",
		Summary: "List accounts, newest first", Tags: tagAdminAccounts,
	}
	account = kithttp.Route[accountRequest, User]{
		Name: "adminUser", Method: http.MethodGet, Path: "/v1/admin/users/{id}", Summary: "Read an account", Tags: tagAdminAccounts,
		Faults: []*fault.Error{users.ErrNotFound},
	}
	changeAccount = kithttp.Route[changeAccountRequest, User]{
		Name: "changeUser", Method: http.MethodPatch, Path: "/v1/admin/users/{id}",
		Summary: "Change the role of an account, deactivate or reactivate it", Tags: tagAdminAccounts,
		Faults: []*fault.Error{users.ErrOwnRole, users.ErrSignInAgain, users.ErrNotFound, users.ErrLastAdmin, users.ErrErased, moderation.ErrSanctioned},
	}
	postTokens = kithttp.Route[postTokensRequest, Transaction]{
		Name: "postTokens", Method: http.MethodPost, Path: "/v1/admin/users/{id}/transactions", Status: http.StatusCreated,
		Summary: "Credit or debit a user's wallet", Tags: tagAdminAccounts,
		Faults: []*fault.Error{moderation.ErrOwnTokens, users.ErrNotFound, tokens.ErrTooFewTokens, tokens.ErrTooManyTokens},
	}
	accountTransactions = kithttp.Route[accountTransactionsRequest, Page[Transaction]]{
		Name: "userTransactions", Method: http.MethodGet, Path: "/v1/admin/users/{id}/transactions",
		Summary: "List the transactions of a user's wallet, newest first", Tags: tagAdminAccounts,
		Faults: []*fault.Error{users.ErrNotFound},
	}
)

func (a *API) serveAdminAccounts() {
	asAdmin(a, edge.Search, accounts, a.accounts, kithttp.Checked(func(r accountsRequest, f *fault.Fields) {
		moderation.AccountFilter(r.AccountFilter).Check(f)
	}))
	asAdmin(a, edge.Cheap, account, a.account)
	asAdmin(a, edge.Cheap, changeAccount, a.changeAccount, kithttp.Checked(func(r changeAccountRequest, f *fault.Fields) {
		r.change().Check(f)
	}))
	asAdmin(a, edge.Cheap, postTokens, a.postTokens, kithttp.Aimed(notOneself),
		kithttp.Checked(func(r postTokensRequest, f *fault.Fields) { r.adjustment().Check(f) }))
	asAdmin(a, edge.Search, accountTransactions, a.accountTransactions)
}

// notOneself refuses an admin who is the user in the path. Core refuses this too, but a 403 must
// come before any refusal of the body.
func notOneself(ctx context.Context, path func(name string) string) error {
	caller, _ := edge.CallerFrom(ctx)
	var user id.User
	if user.UnmarshalText([]byte(path("id"))) == nil && user == caller.UserID {
		return moderation.ErrOwnTokens
	}
	return nil
}

func (a *API) accounts(ctx context.Context, caller users.Caller, req accountsRequest) (Page[User], error) {
	filters := []any{text.Fold(req.Query), req.Role, req.IsActive}
	return readPage(ctx, a.cursors, req.Paging, filters, func(r page.Request[page.Moment]) (page.Page[users.User, page.Moment], error) {
		return a.services.Moderation.Users(ctx, caller.UserID, moderation.AccountFilter(req.AccountFilter), r)
	}, userOf)
}

func (a *API) account(ctx context.Context, caller users.Caller, req accountRequest) (User, error) {
	u, err := a.services.Moderation.User(ctx, caller.UserID, id.User(req.ID))
	return userOf(u), err
}

func (a *API) changeAccount(ctx context.Context, caller users.Caller, req changeAccountRequest) (User, error) {
	c := req.change()
	c.SignedInAt = caller.SignedInAt
	u, err := a.services.Moderation.ChangeUser(ctx, caller.UserID, id.User(req.ID), c)
	return userOf(u), err
}

func (a *API) postTokens(ctx context.Context, caller users.Caller, req postTokensRequest) (Transaction, error) {
	t, err := a.services.Moderation.PostTokens(ctx, caller.UserID, id.User(req.ID), req.adjustment(), req.key())
	return transactionOf(t), err
}

func (a *API) accountTransactions(ctx context.Context, caller users.Caller, req accountTransactionsRequest) (Page[Transaction], error) {
	of := id.User(req.ID)
	return readPage(ctx, a.cursors, req.Paging, []any{of}, func(r page.Request[int64]) (page.Page[tokens.Transaction, int64], error) {
		return a.services.Moderation.UserTransactions(ctx, caller.UserID, of, r)
	}, transactionOf)
}
