package httpapi

import (
	"context"
	"net/http"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Report is a report about a user, as the reporter sees it.
type Report struct {
	ID             id.Report         `json:"id"`
	ReporterID     id.User           `json:"reporter_id"`
	ReportedUserID id.User           `json:"reported_user_id"`
	Reason         string            `json:"reason"`
	Message        *string           `json:"message"`
	MessageID      *id.Message       `json:"message_id" description:"The message that was reported."`
	Status         moderation.Status `json:"status" enum:"pending,reviewed,resolved,dismissed"`
	ReviewedAt     *Time             `json:"reviewed_at"`
	CreatedAt      Time              `json:"created_at"`
}

func reportOf(r moderation.Report) Report {
	return Report{
		ID: r.ID, ReporterID: r.ReporterID, ReportedUserID: r.ReportedUserID, Reason: r.Reason, Message: orNull(r.Message),
		MessageID: orNull(r.MessageID), Status: r.Status, ReviewedAt: orNull(Time(r.ReviewedAt)), CreatedAt: Time(r.CreatedAt),
	}
}

// Complaint is the content of a new report.
type Complaint struct {
	ReportedUserID id.User     `json:"reported_user_id" required:"true"`
	Reason         string      `json:"reason" required:"true" minLength:"1" maxLength:"100"`
	Message        *string     `json:"message" maxLength:"5000"`
	MessageID      *id.Message `json:"message_id" description:"A message of a conversation of the two. Admins see it, and the two before it."`
}

func (c Complaint) input() moderation.ReportInput {
	return moderation.ReportInput{ReportedUserID: c.ReportedUserID, Reason: c.Reason, Message: orZero(c.Message)}
}

type reportRequest struct {
	keyed
	Complaint
}

// Block is a block of one user by another.
type Block struct {
	UserID        id.User `json:"user_id"`
	BlockedUserID id.User `json:"blocked_user_id"`
	FirstName     *string `json:"first_name" description:"The first name of the blocked user."`
	CreatedAt     Time    `json:"created_at"`
}

func blockOf(b matching.BlockedPerson) Block {
	return Block{
		UserID: b.Block.UserID, BlockedUserID: b.Block.BlockedUserID, FirstName: orNull(b.Person.FirstName),
		CreatedAt: Time(b.Block.CreatedAt),
	}
}

type blockRequest struct {
	UserID id.User `path:"user_id"`
}

// errInvalid is in the OpenAPI document for the 422 of a route whose requests have no fields.
var errInvalid = fault.New(fault.Invalid, fault.CodeInvalid, "a value breaks a rule")

var (
	tagModeration = []string{"reports and blocks"}

	report = kithttp.Route[reportRequest, Report]{
		Name: "report", Method: http.MethodPost, Path: "/v1/reports", Status: http.StatusCreated,
		Summary: "Report a user", Tags: tagModeration,
		Faults: []*fault.Error{users.ErrNotFound, moderation.ErrReportPending},
	}
	reports = kithttp.Route[Paging, Page[Report]]{
		Name: "reports", Method: http.MethodGet, Path: "/v1/reports", Summary: "List your reports, newest first", Tags: tagModeration,
	}
	blocks = kithttp.Route[Paging, Page[Block]]{
		Name: "blocks", Method: http.MethodGet, Path: "/v1/blocks", Summary: "List your blocks, newest first", Tags: tagModeration,
	}
	block = kithttp.Route[blockRequest, kithttp.None]{
		Name: "block", Method: http.MethodPut, Path: "/v1/blocks/{user_id}",
		Summary: "Block a user", Tags: tagModeration,
		Faults: []*fault.Error{users.ErrNotFound, errInvalid},
	}
	unblock = kithttp.Route[blockRequest, kithttp.None]{
		Name: "unblock", Method: http.MethodDelete, Path: "/v1/blocks/{user_id}", Summary: "Remove a block", Tags: tagModeration,
	}
)

func (a *API) serveModeration() {
	asUser(a, edge.Cheap, report, a.report, kithttp.Checked(func(r reportRequest, f *fault.Fields) { r.input().Check(f) }))
	asUser(a, edge.Cheap, reports, a.reports)
	asUser(a, edge.Cheap, blocks, a.blocks)
	asUser(a, edge.Cheap, block, a.block)
	asUser(a, edge.Cheap, unblock, a.unblock)
}

func (a *API) report(ctx context.Context, caller users.Caller, req reportRequest) (Report, error) {
	if req.MessageID == nil {
		r, err := a.services.Moderation.Report(ctx, caller.UserID, req.input(), req.key())
		return reportOf(r), err
	}
	r, err := a.services.Messaging.Report(ctx, caller.UserID, messaging.ReportInput{
		ReportInput: req.input(), MessageID: *req.MessageID,
	}, req.key())
	return reportOf(r), err
}

func (a *API) reports(ctx context.Context, caller users.Caller, req Paging) (Page[Report], error) {
	return readPage(ctx, a.cursors, req, nil, func(r page.Request[page.Moment]) (page.Page[moderation.Report, page.Moment], error) {
		return a.services.Moderation.MyReports(ctx, caller.UserID, r)
	}, reportOf)
}

func (a *API) blocks(ctx context.Context, caller users.Caller, req Paging) (Page[Block], error) {
	return readPage(ctx, a.cursors, req, nil, func(r page.Request[page.Moment]) (page.Page[matching.BlockedPerson, page.Moment], error) {
		return a.services.Matching.Blocks(ctx, caller.UserID, r)
	}, blockOf)
}

func (a *API) block(ctx context.Context, caller users.Caller, req blockRequest) (kithttp.None, error) {
	return kithttp.None{}, a.services.Moderation.Block(ctx, caller.UserID, req.UserID)
}

func (a *API) unblock(ctx context.Context, caller users.Caller, req blockRequest) (kithttp.None, error) {
	return kithttp.None{}, a.services.Moderation.Unblock(ctx, caller.UserID, req.UserID)
}
