package httpapi

import (
	"context"
	"net/http"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// ReservationFilter selects reservations. The zero value of a field selects all.
type ReservationFilter struct {
	UserID *id.User            `query:"user_id" description:"One of the participants."`
	Status reservations.Status `query:"status" enum:"pending,accepted,declined,cancelled,completed,expired"`
}

func (f ReservationFilter) filter() reservations.Filter {
	return reservations.Filter{UserID: orZero(f.UserID), Status: f.Status}
}

type adminReservationsRequest struct {
	ReservationFilter
	Paging
}

// ReservationEnd is the decision of an admin to end an accepted reservation.
type ReservationEnd struct {
	Status reservations.Status `json:"status" required:"true" enum:"cancelled,completed" description:"The tokens go to the voyager or to the local."`
	Reason string              `json:"reason" required:"true" minLength:"1" maxLength:"500" description:"For the audit trail."`
}

type endReservationRequest struct {
	ID pathID `path:"id"`
	ReservationEnd
}

var (
	tagAdminReservations = []string{"admin: reservations"}

	adminReservations = kithttp.Route[adminReservationsRequest, Page[Reservation]]{
		Name: "adminReservations", Method: http.MethodGet, Path: "/v1/admin/reservations",
		Summary: "List reservations, newest first", Tags: tagAdminReservations,
	}
	endReservation = kithttp.Route[endReservationRequest, Reservation]{
		Name: "endReservation", Method: http.MethodPatch, Path: "/v1/admin/reservations/{id}",
		Summary: "Cancel an accepted reservation with a refund, or complete it", Tags: tagAdminReservations,
		Faults: []*fault.Error{reservations.ErrNotFound, reservations.ErrStatus},
	}
)

func (a *API) serveAdminReservations() {
	asAdmin(a, edge.Search, adminReservations, a.adminReservations, kithttp.Checked(func(r adminReservationsRequest, f *fault.Fields) {
		r.filter().Check(f)
	}))
	asAdmin(a, edge.Cheap, endReservation, a.endReservation, kithttp.Checked(func(r endReservationRequest, f *fault.Fields) {
		reservations.Ending(r.ReservationEnd).Check(f)
	}))
}

func (a *API) adminReservations(
	ctx context.Context, caller users.Caller, req adminReservationsRequest,
) (Page[Reservation], error) {
	f := req.filter()
	return readPage(ctx, a.cursors, req.Paging, []any{f}, func(
		r page.Request[page.Moment],
	) (page.Page[reservations.Reservation, page.Moment], error) {
		return a.services.Reservations.All(ctx, caller.UserID, f, r)
	}, reservationOf)
}

func (a *API) endReservation(ctx context.Context, caller users.Caller, req endReservationRequest) (Reservation, error) {
	r, err := a.services.Reservations.End(ctx, caller.UserID, id.Reservation(req.ID), reservations.Ending(req.ReservationEnd))
	return reservationOf(r), err
}
