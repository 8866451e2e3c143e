package httpapi

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// The methods of this file are for admins. For other callers they return users.ErrAdminsOnly.

// Users lists accounts, newest first.
func (c *Client) Users(ctx context.Context, f AccountFilter, p Paging) (Page[User], error) {
	return call(ctx, c, accounts, accountsRequest{f, p})
}

// User reads an account.
func (c *Client) User(ctx context.Context, user id.User) (User, error) {
	return call(ctx, c, account, accountRequest{pathID(user)})
}

// ChangeUser changes the role of an account, deactivates or reactivates it. It may run more than
// once.
func (c *Client) ChangeUser(ctx context.Context, user id.User, in AccountChange) (User, error) {
	return call(ctx, c, changeAccount, changeAccountRequest{pathID(user), in})
}

// PostTokens credits or debits a user's wallet.
func (c *Client) PostTokens(ctx context.Context, user id.User, in Adjustment, key idempotency.Key) (Transaction, error) {
	return call(ctx, c, postTokens, postTokensRequest{pathID(user), keyedBy(key), in})
}

// UserTransactions lists the transactions of a user's wallet, newest first.
func (c *Client) UserTransactions(ctx context.Context, user id.User, p Paging) (Page[Transaction], error) {
	return call(ctx, c, accountTransactions, accountTransactionsRequest{pathID(user), p})
}

// CreateInterest adds an interest.
func (c *Client) CreateInterest(ctx context.Context, in InterestInput, key idempotency.Key) (Interest, error) {
	return call(ctx, c, createInterest, createInterestRequest{keyedBy(key), in})
}

// AllInterests lists all interests by name, inactive ones included.
func (c *Client) AllInterests(ctx context.Context, p Paging) (Page[Interest], error) {
	return call(ctx, c, allInterests, p)
}

// ChangeInterest changes an interest. It may run more than once.
func (c *Client) ChangeInterest(ctx context.Context, interest id.Interest, in InterestChange) (Interest, error) {
	return call(ctx, c, changeInterest, changeInterestRequest{pathID(interest), in})
}

// Reports lists the reports with a status, or all reports if it is "", oldest first.
func (c *Client) Reports(ctx context.Context, status moderation.Status, p Paging) (Page[AdminReport], error) {
	return call(ctx, c, adminReports, adminReportsRequest{status, p})
}

// ReportByID reads a report, with its messages and the histories of both users.
func (c *Client) ReportByID(ctx context.Context, report id.Report) (Case, error) {
	return call(ctx, c, adminReport, adminReportRequest{pathID(report)})
}

// ChangeReport changes the status or the notes of a report.
func (c *Client) ChangeReport(ctx context.Context, report id.Report, in ReportChange) (AdminReport, error) {
	return call(ctx, c, changeReport, changeReportRequest{pathID(report), in})
}

// AllReservations lists the selected reservations of all users, newest first.
func (c *Client) AllReservations(ctx context.Context, f ReservationFilter, p Paging) (Page[Reservation], error) {
	return call(ctx, c, adminReservations, adminReservationsRequest{f, p})
}

// EndReservation cancels an accepted reservation with a refund, or completes it.
func (c *Client) EndReservation(ctx context.Context, of id.Reservation, in ReservationEnd) (Reservation, error) {
	return call(ctx, c, endReservation, endReservationRequest{pathID(of), in})
}

// Audit lists the actions of admins, newest first.
func (c *Client) Audit(ctx context.Context, p Paging) (Page[AuditRecord], error) {
	return call(ctx, c, auditTrail, p)
}

// VerifyLedger checks that the whole store follows every rule.
func (c *Client) VerifyLedger(ctx context.Context) (Verification, error) {
	return call(ctx, c, verifyLedger, kithttp.None{})
}
