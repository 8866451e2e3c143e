package httpapi

import (
	"context"
	"net/http"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// InterestInput is a new interest.
type InterestInput struct {
	Name     string  `json:"name" required:"true" minLength:"1" maxLength:"100"`
	Icon     *string `json:"icon" maxLength:"200"`
	IsActive *bool   `json:"is_active,omitzero" nullable:"false" default:"true"`
}

func (in InterestInput) change() matching.InterestChange {
	return matching.InterestChange{Name: &in.Name, Icon: in.Icon, IsActive: in.IsActive}
}

type createInterestRequest struct {
	keyed
	InterestInput
}

// InterestChange is a change of an interest by an admin.
type InterestChange struct {
	Name     kithttp.Optional[string] `json:"name,omitzero" nullable:"false" minLength:"1" maxLength:"100"`
	Icon     kithttp.Optional[string] `json:"icon,omitzero" maxLength:"200"`
	IsActive kithttp.Optional[bool]   `json:"is_active,omitzero" nullable:"false"`
}

func (c InterestChange) change() matching.InterestChange {
	return matching.InterestChange{Name: change(c.Name), Icon: change(c.Icon), IsActive: change(c.IsActive)}
}

type changeInterestRequest struct {
	ID pathID `path:"id"`
	InterestChange
}

// AdminReport is a report with the fields that only admins see.
type AdminReport struct {
	Report
	ReviewedBy *id.User `json:"reviewed_by" description:"The admin who last changed the status."`
	AdminNotes *string  `json:"admin_notes"`
}

func adminReportOf(r moderation.Report) AdminReport {
	return AdminReport{Report: reportOf(r), ReviewedBy: orNull(r.ReviewedBy), AdminNotes: orNull(r.AdminNotes)}
}

type adminReportsRequest struct {
	Status moderation.Status `query:"status" enum:"pending,reviewed,resolved,dismissed"`
	Paging
}

type adminReportRequest struct {
	ID pathID `path:"id"`
}

// ReportChange is a change of a report by an admin.
type ReportChange struct {
	Status     kithttp.Optional[moderation.Status] `json:"status,omitzero" nullable:"false" enum:"reviewed,resolved,dismissed"`
	AdminNotes kithttp.Optional[string]            `json:"admin_notes,omitzero" maxLength:"5000"`
}

func (c ReportChange) change() moderation.ReportChange {
	return moderation.ReportChange{Status: change(c.Status), Notes: change(c.AdminNotes)}
}

type changeReportRequest struct {
	ID pathID `path:"id"`
	ReportChange
}

// AuditRecord is the record of an action of an admin: who did it, to what, when and why.
type AuditRecord struct {
	ID        id.AuditRecord     `json:"id"`
	ActorID   *id.User           `json:"actor_id" description:"Null if the operator of the server acted."`
	Action    moderation.Action  `json:"action"`
	SubjectID id.Subject         `json:"subject_id" description:"What the action changed: a user, report, interest, reservation, event or webhook, or a subscription."`
	Reason    *string            `json:"reason"`
	Details   moderation.Details `json:"details"`
	CreatedAt Time               `json:"created_at"`
}

func auditRecordOf(r moderation.AuditRecord) AuditRecord {
	return AuditRecord{
		ID: r.ID, ActorID: orNull(r.ActorID), Action: r.Action, SubjectID: r.SubjectID, Reason: orNull(r.Reason),
		Details: r.Details, CreatedAt: Time(r.CreatedAt),
	}
}

// Verification is the result of an audit of the whole store.
type Verification struct {
	Wallets      int64       `json:"wallets" description:"The number of wallets."`
	Transactions int64       `json:"transactions" description:"The number of transactions."`
	Unsealed     int64       `json:"unsealed" description:"The number of transactions that are not sealed yet: the last ones of their wallets."`
	Held         int64       `json:"held" description:"The tokens that accepted reservations hold."`
	Violations   []Violation `json:"violations"`
}

// Violation is one violation of a rule by the store.
type Violation struct {
	Rule    string `json:"rule"`
	Subject string `json:"subject" description:"The id of the record that breaks the rule, or empty for the whole store."`
	Detail  string `json:"detail"`
}

var (
	tagAdmin = []string{"admin: community"}

	createInterest = kithttp.Route[createInterestRequest, Interest]{
		Name: "createInterest", Method: http.MethodPost, Path: "/v1/admin/interests", Status: http.StatusCreated,
		Summary: "Add an interest", Tags: tagAdmin,
		Faults: []*fault.Error{matching.ErrInterestTaken},
	}
	allInterests = kithttp.Route[Paging, Page[Interest]]{
		Name: "adminInterests", Method: http.MethodGet, Path: "/v1/admin/interests",
		Summary: "List all interests by name, inactive ones included", Tags: tagAdmin,
	}
	changeInterest = kithttp.Route[changeInterestRequest, Interest]{
		Name: "changeInterest", Method: http.MethodPatch, Path: "/v1/admin/interests/{id}",
		Summary: "Change an interest", Tags: tagAdmin,
		Faults: []*fault.Error{matching.ErrInterestNotFound, matching.ErrInterestTaken},
	}
	adminReports = kithttp.Route[adminReportsRequest, Page[AdminReport]]{
		Name: "adminReports", Method: http.MethodGet, Path: "/v1/admin/reports", Summary: "List reports, oldest first", Tags: tagAdmin,
	}
	changeReport = kithttp.Route[changeReportRequest, AdminReport]{
		Name: "changeReport", Method: http.MethodPatch, Path: "/v1/admin/reports/{id}",
		Summary: "Change the status or the notes of a report", Tags: tagAdmin,
		Faults: []*fault.Error{moderation.ErrReportNotFound, moderation.ErrReportMove},
	}
	auditTrail = kithttp.Route[Paging, Page[AuditRecord]]{
		Name: "audit", Method: http.MethodGet, Path: "/v1/admin/audit", Summary: "List the actions of admins, newest first", Tags: tagAdmin,
	}
	verifyLedger = kithttp.Route[kithttp.None, Verification]{
		Name: "verifyLedger", Method: http.MethodGet, Path: "/v1/admin/ledger/verify",
		Summary: "Check that the whole store follows every rule", Tags: tagAdmin,
	}
)

func (a *API) serveAdmin() {
	asAdmin(a, edge.Cheap, createInterest, a.createInterest, kithttp.Checked(func(r createInterestRequest, f *fault.Fields) {
		r.change().Check(f)
	}))
	asAdmin(a, edge.Search, allInterests, a.allInterests)
	asAdmin(a, edge.Cheap, changeInterest, a.changeInterest, kithttp.Checked(func(r changeInterestRequest, f *fault.Fields) {
		r.change().Check(f)
	}))
	asAdmin(a, edge.Search, adminReports, a.adminReports, kithttp.Checked(func(r adminReportsRequest, f *fault.Fields) {
		if r.Status != "" {
			r.Status.Check(f)
		}
	}))
	asAdmin(a, edge.Search, adminReport, a.adminReport)
	asAdmin(a, edge.Cheap, changeReport, a.changeReport, kithttp.Checked(func(r changeReportRequest, f *fault.Fields) {
		r.change().Check(f)
	}))
	asAdmin(a, edge.Search, auditTrail, a.auditTrail)
	asAdmin(a, edge.Audit, verifyLedger, a.verifyLedger)
}

func (a *API) createInterest(ctx context.Context, caller users.Caller, req createInterestRequest) (Interest, error) {
	i, err := a.services.Matching.CreateInterest(ctx, caller.UserID, req.change(), req.key())
	return interestOf(i), err
}

func (a *API) allInterests(ctx context.Context, caller users.Caller, req Paging) (Page[Interest], error) {
	return readPage(ctx, a.cursors, req, nil, func(r page.Request[matching.NamePlace]) (page.Page[matching.Interest, matching.NamePlace], error) {
		return a.services.Matching.AllInterests(ctx, caller.UserID, r)
	}, interestOf)
}

func (a *API) changeInterest(ctx context.Context, caller users.Caller, req changeInterestRequest) (Interest, error) {
	i, err := a.services.Matching.ChangeInterest(ctx, caller.UserID, id.Interest(req.ID), req.change())
	return interestOf(i), err
}

func (a *API) adminReports(ctx context.Context, caller users.Caller, req adminReportsRequest) (Page[AdminReport], error) {
	return readPage(ctx, a.cursors, req.Paging, []any{req.Status}, func(r page.Request[page.Moment]) (page.Page[moderation.Report, page.Moment], error) {
		return a.services.Moderation.Reports(ctx, caller.UserID, req.Status, r)
	}, adminReportOf)
}

func (a *API) changeReport(ctx context.Context, caller users.Caller, req changeReportRequest) (AdminReport, error) {
	r, err := a.services.Moderation.ChangeReport(ctx, caller.UserID, id.Report(req.ID), req.change())
	return adminReportOf(r), err
}

func (a *API) auditTrail(ctx context.Context, caller users.Caller, req Paging) (Page[AuditRecord], error) {
	return readPage(ctx, a.cursors, req, nil, func(r page.Request[page.Moment]) (page.Page[moderation.AuditRecord, page.Moment], error) {
		return a.services.Moderation.Audits(ctx, caller.UserID, r)
	}, auditRecordOf)
}

func (a *API) verifyLedger(ctx context.Context, caller users.Caller, _ kithttp.None) (Verification, error) {
	v, err := a.services.Moderation.VerifyLedger(ctx, caller.UserID)
	found := Verification{
		Wallets: v.Wallets, Transactions: v.Transactions, Unsealed: v.Unsealed, Held: v.Held,
		Violations: each(v.Violations, func(v tokens.Violation) Violation { return Violation(v) }),
	}
	if a.observeAudit != nil && err == nil {
		a.observeAudit(ctx, found)
	}
	return found, err
}
