package httpapi

import (
	"context"
	"net/http"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Wallet is a user's wallet, in whole tokens.
type Wallet struct {
	Balance int64 `json:"balance"`
	Held    int64 `json:"held" description:"The tokens that accepted reservations hold of the user as voyager. The balance does not include them."`
}

// Transaction is one transaction of a wallet.
type Transaction struct {
	ID            id.Transaction  `json:"id"`
	UserID        id.User         `json:"user_id"`
	Seq           int64           `json:"seq" description:"Counts 1, 2, 3 … in each wallet."`
	Amount        int64           `json:"amount" description:"A credit if above 0, a debit if below 0."`
	Type          tokens.Type     `json:"type" enum:"SIGNUP_BONUS,MESSAGE_SENT,ADMIN_ADJUSTMENT,PURCHASE,REFUND,ACTIVITY_PAYMENT,ACTIVITY_RECEIPT,PENALTY,BONUS,WITHDRAWAL,DEPOSIT"`
	Reason        string          `json:"reason"`
	Metadata      tokens.Metadata `json:"metadata"`
	BalanceBefore int64           `json:"balance_before"`
	BalanceAfter  int64           `json:"balance_after"`
	CreatedAt     Time            `json:"created_at"`
}

func transactionOf(t tokens.Transaction) Transaction {
	return Transaction{
		ID: t.ID, UserID: t.UserID, Seq: t.Seq, Amount: t.Amount, Type: t.Type, Reason: t.Reason, Metadata: t.Metadata,
		BalanceBefore: t.BalanceBefore, BalanceAfter: t.BalanceAfter, CreatedAt: Time(t.CreatedAt),
	}
}

var (
	tagWallet = []string{"wallet"}

	wallet = kithttp.Route[kithttp.None, Wallet]{
		Name: "wallet", Method: http.MethodGet, Path: "/v1/wallet", Summary: "Read your wallet", Tags: tagWallet,
	}
	transactions = kithttp.Route[Paging, Page[Transaction]]{
		Name: "transactions", Method: http.MethodGet, Path: "/v1/wallet/transactions",
		Summary: "List the transactions of your wallet, newest first", Tags: tagWallet,
	}
)

func (a *API) serveWallet() {
	asUser(a, edge.Cheap, wallet, a.wallet, kithttp.Appended(appendWallet))
	asUser(a, edge.Cheap, transactions, a.transactions)
}

func (a *API) wallet(ctx context.Context, caller users.Caller, _ kithttp.None) (Wallet, error) {
	f, err := a.services.Reservations.Funds(ctx, caller.UserID)
	return Wallet(f), err
}

func (a *API) transactions(ctx context.Context, caller users.Caller, req Paging) (Page[Transaction], error) {
	return readPage(ctx, a.cursors, req, nil, func(r page.Request[int64]) (page.Page[tokens.Transaction, int64], error) {
		return a.services.Tokens.Transactions(ctx, caller.UserID, r)
	}, transactionOf)
}
