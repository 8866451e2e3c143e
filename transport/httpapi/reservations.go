package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Reservation is an activity that one participant of a conversation proposes to the other.
type Reservation struct {
	ID             id.Reservation      `json:"id"`
	ConversationID id.Conversation     `json:"conversation_id"`
	CreatorID      id.User             `json:"creator_id"`
	VoyagerID      id.User             `json:"voyager_id" description:"The user who pays."`
	LocalID        id.User             `json:"local_id" description:"The user who is paid, after the activity has ended."`
	Title          string              `json:"title"`
	Price          reservations.Price  `json:"price" example:"12.50"`
	Tokens         int64               `json:"tokens" description:"The price in tokens."`
	Date           Time                `json:"date"`
	EndDate        Time                `json:"end_date"`
	Status         reservations.Status `json:"status" enum:"pending,accepted,declined,cancelled,completed,expired"`
	CreatedAt      Time                `json:"created_at"`
	UpdatedAt      Time                `json:"updated_at"`
	Other          Person              `json:"other,omitzero" description:"The other participant, as you see them. Absent in the answers to admins."`
}

func reservationOf(r reservations.Reservation) Reservation {
	return Reservation{
		ID: r.ID, ConversationID: r.ConversationID, CreatorID: r.CreatorID, VoyagerID: r.VoyagerID, LocalID: r.LocalID,
		Title: r.Title, Price: r.Price, Tokens: r.Tokens, Date: Time(r.Date), EndDate: Time(r.EndDate),
		Status: r.Status, CreatedAt: Time(r.CreatedAt), UpdatedAt: Time(r.UpdatedAt),
	}
}

// viewOf returns a reservation as one of its participants sees it.
func viewOf(v reservations.View) Reservation {
	r := reservationOf(v.Reservation)
	r.Other = personOf(v.Other)
	return r
}

// Proposal is the content of a new reservation.
type Proposal struct {
	Title   string             `json:"title" required:"true" minLength:"1" maxLength:"200"`
	Price   reservations.Price `json:"price" required:"true" pattern:"^[0-9]{1,8}([.][0-9]{1,2})?$" example:"12.50"`
	Date    Time               `json:"date" required:"true" description:"In the future, and at most as far ahead as the server allows."`
	EndDate Time               `json:"end_date" required:"true" description:"After date, by at most as much as the server allows."`
}

func (p Proposal) proposal() reservations.Proposal {
	return reservations.Proposal{Title: p.Title, Price: p.Price, Date: time.Time(p.Date), EndDate: time.Time(p.EndDate)}
}

type proposeRequest struct {
	ID pathID `path:"id"`
	keyed
	Proposal
}

type conversationReservationsRequest struct {
	ID pathID `path:"id"`
	Paging
}

// Agenda selects reservations of the caller. The zero value of a field selects all.
type Agenda struct {
	Role   reservations.Role   `query:"role" enum:"voyager,local"`
	Status reservations.Status `query:"status" enum:"pending,accepted,declined,cancelled,completed,expired"`
	From   *Time               `query:"from" description:"Only those that end after it."`
	To     *Time               `query:"to" description:"Only those that begin before it."`
}

func (a Agenda) agenda() reservations.Agenda {
	return reservations.Agenda{
		Role: a.Role, Status: a.Status, From: time.Time(orZero(a.From)), To: time.Time(orZero(a.To)),
	}
}

type reservationsRequest struct {
	Agenda
	Paging
}

type reservationRequest struct {
	ID pathID `path:"id"`
}

type moveRequest struct {
	ID pathID `path:"id"`
	keyed
}

var (
	tagReservations = []string{"reservations"}

	propose = kithttp.Route[proposeRequest, Reservation]{
		Name: "propose", Method: http.MethodPost, Path: "/v1/conversations/{id}/reservations", Status: http.StatusCreated,
		Summary: "Propose an activity", Tags: tagReservations,
		Faults: []*fault.Error{
			users.ErrRestricted,
			messaging.ErrNotFound, reservations.ErrTooManyProposed, messaging.ErrClosed, reservations.ErrTooManyPending,
			messaging.ErrUnanswered,
		},
	}
	conversationReservations = kithttp.Route[conversationReservationsRequest, Page[Reservation]]{
		Name: "conversationReservations", Method: http.MethodGet, Path: "/v1/conversations/{id}/reservations",
		Summary: "List the reservations of a conversation, newest first", Tags: tagReservations,
		Faults: []*fault.Error{messaging.ErrNotFound},
	}
	myReservations = kithttp.Route[reservationsRequest, Page[Reservation]]{
		Name: "reservations", Method: http.MethodGet, Path: "/v1/reservations",
		Summary: "List your reservations by date, the earliest first", Tags: tagReservations,
	}
	reservation = kithttp.Route[reservationRequest, Reservation]{
		Name: "reservation", Method: http.MethodGet, Path: "/v1/reservations/{id}", Summary: "Read a reservation", Tags: tagReservations,
		Faults: []*fault.Error{reservations.ErrNotFound},
	}
	accept = kithttp.Route[moveRequest, Reservation]{
		Name: "accept", Method: http.MethodPost, Path: "/v1/reservations/{id}/accept",
		Summary: "Accept a proposal of the other participant; the voyager pays, and the tokens are held", Tags: tagReservations,
		Faults: []*fault.Error{
			reservations.ErrNotFound, reservations.ErrStatus, reservations.ErrOverlap,
			messaging.ErrClosed, tokens.ErrTooFewTokens,
		},
	}
	decline = kithttp.Route[moveRequest, Reservation]{
		Name: "decline", Method: http.MethodPost, Path: "/v1/reservations/{id}/decline",
		Summary: "Decline a proposal of the other participant", Tags: tagReservations,
		Faults: []*fault.Error{reservations.ErrNotFound, reservations.ErrStatus},
	}
	cancel = kithttp.Route[moveRequest, Reservation]{
		Name: "cancel", Method: http.MethodPost, Path: "/v1/reservations/{id}/cancel",
		Summary: "Withdraw your proposal, or cancel an accepted reservation with a refund", Tags: tagReservations,
		Faults: []*fault.Error{reservations.ErrNotFound, reservations.ErrStatus},
	}
)

func (a *API) serveReservations() {
	asUser(a, edge.Cheap, propose, a.propose, kithttp.Checked(func(r proposeRequest, f *fault.Fields) {
		a.services.Reservations.Check(f, r.proposal())
	}))
	asUser(a, edge.Cheap, conversationReservations, a.conversationReservations)
	asUser(a, edge.Cheap, myReservations, a.myReservations, kithttp.Checked(func(r reservationsRequest, f *fault.Fields) {
		r.agenda().Check(f)
	}))
	asUser(a, edge.Cheap, reservation, a.reservation)
	asUser(a, edge.Cheap, accept, moving(a.services.Reservations.Accept))
	asUser(a, edge.Cheap, decline, moving(a.services.Reservations.Decline))
	asUser(a, edge.Cheap, cancel, moving(a.services.Reservations.Cancel))
}

func (a *API) propose(ctx context.Context, caller users.Caller, req proposeRequest) (Reservation, error) {
	r, err := a.services.Reservations.Propose(ctx, caller.UserID, id.Conversation(req.ID), req.proposal(), req.key())
	return viewOf(r), err
}

func (a *API) conversationReservations(ctx context.Context, caller users.Caller, req conversationReservationsRequest) (Page[Reservation], error) {
	of := id.Conversation(req.ID)
	return readPage(ctx, a.cursors, req.Paging, []any{of}, func(r page.Request[page.Moment]) (page.Page[reservations.View, page.Moment], error) {
		return a.services.Reservations.InConversation(ctx, caller.UserID, of, r)
	}, viewOf)
}

func (a *API) myReservations(ctx context.Context, caller users.Caller, req reservationsRequest) (Page[Reservation], error) {
	filters := []any{req.Role, req.Status, req.From, req.To}
	return readPage(ctx, a.cursors, req.Paging, filters, func(
		r page.Request[page.Moment],
	) (page.Page[reservations.View, page.Moment], error) {
		return a.services.Reservations.Mine(ctx, caller.UserID, req.agenda(), r)
	}, viewOf)
}

func (a *API) reservation(ctx context.Context, caller users.Caller, req reservationRequest) (Reservation, error) {
	r, err := a.services.Reservations.Reservation(ctx, caller.UserID, id.Reservation(req.ID))
	return viewOf(r), err
}

// moving returns a handler that calls move, which changes the status of a reservation.
func moving(
	move func(context.Context, id.User, id.Reservation, idempotency.Key) (reservations.View, error),
) func(context.Context, users.Caller, moveRequest) (Reservation, error) {
	return func(ctx context.Context, caller users.Caller, req moveRequest) (Reservation, error) {
		r, err := move(ctx, caller.UserID, id.Reservation(req.ID), req.key())
		return viewOf(r), err
	}
}
