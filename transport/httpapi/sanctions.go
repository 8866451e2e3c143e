package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Sanction is a sanction as the sanctioned user sees it.
type Sanction struct {
	ID         id.Sanction             `json:"id"`
	UserID     id.User                 `json:"user_id"`
	Kind       moderation.SanctionKind `json:"kind" enum:"warning,restricted,suspended"`
	Reason     string                  `json:"reason"`
	EndsAt     *Time                   `json:"ends_at" description:"Null if it lasts until it is lifted."`
	CreatedAt  Time                    `json:"created_at"`
	Appeal     *string                 `json:"appeal" description:"What the user said to it."`
	AppealedAt *Time                   `json:"appealed_at"`
	Outcome    *moderation.Outcome     `json:"outcome" enum:"upheld,lifted" description:"What an admin decided later."`
	Answer     *string                 `json:"answer" description:"The reason for the outcome."`
	DecidedAt  *Time                   `json:"decided_at"`
}

func sanctionOf(s moderation.Sanction) Sanction {
	return Sanction{
		ID: s.ID, UserID: s.UserID, Kind: s.Kind, Reason: s.Reason, EndsAt: orNull(Time(s.EndsAt)), CreatedAt: Time(s.CreatedAt),
		Appeal: orNull(s.Appeal), AppealedAt: orNull(Time(s.AppealedAt)), Outcome: orNull(s.Outcome), Answer: orNull(s.Answer),
		DecidedAt: orNull(Time(s.DecidedAt)),
	}
}

// AdminSanction is a sanction with the admins who imposed it and decided about it.
type AdminSanction struct {
	Sanction
	CreatedBy id.User  `json:"created_by"`
	DecidedBy *id.User `json:"decided_by"`
}

func adminSanctionOf(s moderation.Sanction) AdminSanction {
	return AdminSanction{Sanction: sanctionOf(s), CreatedBy: s.CreatedBy, DecidedBy: orNull(s.DecidedBy)}
}

// SanctionInput is a new sanction.
type SanctionInput struct {
	Kind   moderation.SanctionKind `json:"kind" required:"true" enum:"warning,restricted,suspended"`
	Reason string                  `json:"reason" required:"true" minLength:"1" maxLength:"500" description:"The user reads it."`
	EndsAt *Time                   `json:"ends_at" description:"In the future; null if it lasts until it is lifted, and for a warning."`
}

func (in SanctionInput) input() moderation.SanctionInput {
	return moderation.SanctionInput{Kind: in.Kind, Reason: in.Reason, EndsAt: time.Time(orZero(in.EndsAt))}
}

type imposeRequest struct {
	ID pathID `path:"id"`
	keyed
	SanctionInput
}

type userSanctionsRequest struct {
	ID pathID `path:"id"`
	Paging
}

// Decision lifts a sanction, or upholds it against an appeal.
type Decision struct {
	Outcome moderation.Outcome `json:"outcome" required:"true" enum:"upheld,lifted"`
	Answer  *string            `json:"answer" maxLength:"500" description:"The user reads it."`
}

func (d Decision) decision() moderation.Decision {
	return moderation.Decision{Outcome: d.Outcome, Answer: orZero(d.Answer)}
}

type decideRequest struct {
	ID pathID `path:"id"`
	Decision
}

type appealRequest struct {
	ID pathID `path:"id"`
	keyed
	Appeal string `json:"appeal" required:"true" minLength:"1" maxLength:"5000"`
}

var (
	tagSanctions = []string{"sanctions"}

	mySanctions = kithttp.Route[Paging, Page[Sanction]]{
		Name: "mySanctions", Method: http.MethodGet, Path: "/v1/me/sanctions",
		Summary: "List the sanctions against you, newest first", Tags: tagSanctions,
	}
	appeal = kithttp.Route[appealRequest, Sanction]{
		Name: "appeal", Method: http.MethodPost, Path: "/v1/me/sanctions/{id}/appeal", Status: http.StatusCreated,
		Summary: "Appeal against a sanction, once", Tags: tagSanctions,
		Faults: []*fault.Error{moderation.ErrSanctionNotFound, moderation.ErrAppealed, moderation.ErrSanctionOver},
	}
	impose = kithttp.Route[imposeRequest, AdminSanction]{
		Name: "impose", Method: http.MethodPost, Path: "/v1/admin/users/{id}/sanctions", Status: http.StatusCreated,
		Summary: "Sanction a user; a suspension ends their sessions", Tags: tagSanctions,
		Faults: []*fault.Error{
			moderation.ErrOwnSanction, users.ErrNotFound, users.ErrErased, moderation.ErrSanctioned, moderation.ErrInactive,
		},
	}
	userSanctions = kithttp.Route[userSanctionsRequest, Page[AdminSanction]]{
		Name: "userSanctions", Method: http.MethodGet, Path: "/v1/admin/users/{id}/sanctions",
		Summary: "List the sanctions against a user, newest first", Tags: tagSanctions,
		Faults: []*fault.Error{users.ErrNotFound},
	}
	decide = kithttp.Route[decideRequest, AdminSanction]{
		Name: "decide", Method: http.MethodPatch, Path: "/v1/admin/sanctions/{id}",
		Summary: "Lift a sanction, or uphold it against an appeal", Tags: tagSanctions,
		Faults: []*fault.Error{moderation.ErrOwnSanction, moderation.ErrSanctionNotFound, moderation.ErrDecided},
	}
)

func (a *API) serveSanctions() {
	asSuspended(a, edge.Cheap, mySanctions, a.mySanctions)
	asSuspended(a, edge.Cheap, appeal, a.appeal, kithttp.Checked(func(r appealRequest, f *fault.Fields) { moderation.CheckAppeal(f, r.Appeal) }))
	asAdmin(a, edge.Cheap, impose, a.impose, kithttp.Checked(func(r imposeRequest, f *fault.Fields) { r.input().Check(f) }))
	asAdmin(a, edge.Search, userSanctions, a.userSanctions)
	asAdmin(a, edge.Cheap, decide, a.decide, kithttp.Checked(func(r decideRequest, f *fault.Fields) { r.decision().Check(f) }))
}

func (a *API) mySanctions(ctx context.Context, caller users.Caller, req Paging) (Page[Sanction], error) {
	return readPage(ctx, a.cursors, req, nil, func(r page.Request[page.Moment]) (page.Page[moderation.Sanction, page.Moment], error) {
		return a.services.Moderation.MySanctions(ctx, caller.UserID, r)
	}, sanctionOf)
}

func (a *API) appeal(ctx context.Context, caller users.Caller, req appealRequest) (Sanction, error) {
	s, err := a.services.Moderation.Appeal(ctx, caller.UserID, id.Sanction(req.ID), req.Appeal, req.key())
	return sanctionOf(s), err
}

func (a *API) impose(ctx context.Context, caller users.Caller, req imposeRequest) (AdminSanction, error) {
	s, err := a.services.Moderation.Impose(ctx, caller.UserID, id.User(req.ID), req.input(), req.key())
	return adminSanctionOf(s), err
}

func (a *API) userSanctions(ctx context.Context, caller users.Caller, req userSanctionsRequest) (Page[AdminSanction], error) {
	return readPage(ctx, a.cursors, req.Paging, []any{req.ID}, func(r page.Request[page.Moment]) (page.Page[moderation.Sanction, page.Moment], error) {
		return a.services.Moderation.Sanctions(ctx, caller.UserID, id.User(req.ID), r)
	}, adminSanctionOf)
}

func (a *API) decide(ctx context.Context, caller users.Caller, req decideRequest) (AdminSanction, error) {
	s, err := a.services.Moderation.Decide(ctx, caller.UserID, id.Sanction(req.ID), req.decision())
	return adminSanctionOf(s), err
}
