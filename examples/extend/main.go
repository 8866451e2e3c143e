// Command extend is an example of a host application that extends the server: the program of a hotel,
// which learns of accepted reservations, and has routes and middleware of its own.
package main

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/go-kit/kit/endpoint"

	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
	"github.com/cicerone-go/cicerone/wiring"
	root "github.com/cicerone-go/cicerone/wiring/sqlite"
)

func main() {
	folder, err := os.MkdirTemp("", "extend")
	if err == nil {
		err = run(context.Background(), filepath.Join(folder, "hotel.db"), os.Stdout)
		err = errors.Join(err, os.RemoveAll(folder))
	}
	if err != nil {
		log.Fatal(err)
	}
}

// hotel is the host's own type.
type hotel struct {
	app   *wiring.App
	desks int // for guests at a time
	out   io.Writer
	sent  chan string // the mail
}

// configure makes the hotel a part of the server.
func (h *hotel) configure(c *wiring.Config) {
	accepted := []events.Type{events.TypeReservationAccepted}
	c.Subscribers = []events.Subscriber{{Name: "hotel-mail", Types: accepted, Handle: h.mail}}
	c.JoinedSubscribers = []ports.JoinedSubscriber{{Name: "hotel-desk", Types: accepted, Handle: h.reserveDesk}}
	c.Events.FromOldest = true // mail is also sent for reservations that were accepted before Run
	c.Middleware = []endpoint.Middleware{h.watch}
	c.WithoutRoutes = []string{"policy"} // the hotel has its own
}

// addRoutes adds routes before the first request.
func (h *hotel) addRoutes() {
	server, signedIn := h.app.API.Server(), kithttp.Gated(h.app.API.Gate().SignedIn)
	kithttp.Handle(server, kithttp.Route[kithttp.None, desks]{
		Name: "desks", Method: http.MethodGet, Path: "/v1/me/desks", Summary: "Count the caller's desks", Tags: []string{"hotel"},
	}, h.countDesks, signedIn)
	kithttp.Handle(server, kithttp.Route[kithttp.None, policy]{
		Name: "policy", Method: http.MethodGet, Path: "/v1/policy", Summary: "Read the rules of the house", Tags: []string{"hotel"},
	}, func(context.Context, kithttp.None) (policy, error) { return policy{Rule: "no shoes at the desks"}, nil })
}

type (
	desks struct {
		Count int64 `json:"count"`
	}
	policy struct {
		Rule string `json:"rule"`
	}
)

// mail is called after the commit, at least once.
func (h *hotel) mail(ctx context.Context, e events.Event) error {
	local, err := h.app.Users.Me(ctx, e.Data.(events.ReservationAccepted).LocalID) //nolint:forcetypeassert // it has this type
	if err != nil {
		return err
	}
	h.sent <- "mail to " + local.Email + ": your activity is accepted"
	return nil
}

var errFull = fault.New(fault.Conflict, "hotel_full", "the hotel has no free desk")

// reserveDesk is called in the unit of work that accepts the reservation: both are committed, or none.
func (h *hotel) reserveDesk(ctx context.Context, _ ports.Tx, e events.Event) error {
	tx, err := sqlite.TxFrom(ctx)
	if err != nil {
		return err
	}
	r := e.Data.(events.ReservationAccepted) //nolint:forcetypeassert // it has this type
	taken, err := tx.Exec(ctx, "INSERT INTO hotel_desks (reservation, guest) SELECT ?, ? WHERE (SELECT count(*) FROM hotel_desks) < ?",
		r.ReservationID.String(), r.VoyagerID.String(), h.desks)
	if err == nil && taken == 0 {
		err = errFull
	}
	return err
}

// watch is a middleware. It runs when the request was admitted and decoded.
func (h *hotel) watch(next endpoint.Endpoint) endpoint.Endpoint {
	return func(ctx context.Context, request any) (any, error) {
		if caller, signedIn := edge.CallerFrom(ctx); signedIn {
			fmt.Fprintf(h.out, "%s by a %s\n", kithttp.RouteFrom(ctx).Name, caller.Role)
		}
		return next(ctx, request)
	}
}

func (h *hotel) countDesks(ctx context.Context, _ kithttp.None) (d desks, err error) {
	caller, _ := edge.CallerFrom(ctx)
	err = h.unit(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		return tx.Query(ctx, func(values []driver.Value) error {
			d.Count, _ = values[0].(int64)
			return nil
		}, "SELECT count(*) FROM hotel_desks WHERE guest = ?", caller.UserID.String())
	})
	return d, err
}

// unit runs fn in a unit of work of the hotel's.
func (h *hotel) unit(ctx context.Context, fn func(ctx context.Context, tx *sqlite.Tx) error) error {
	return h.app.Storage.Run(ctx, uow.Write, func(ctx context.Context, _ ports.Tx) error {
		tx, err := sqlite.TxFrom(ctx)
		if err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

// run serves a guest, who accepts two proposals of a local, while there is one desk.
func run(ctx context.Context, path string, out io.Writer) (err error) {
	h := &hotel{desks: 1, out: out, sent: make(chan string, 10)}
	config := wiring.DefaultConfig()
	h.configure(&config)
	if h.app, err = root.New(ctx, path, config); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.app.Close(ctx)) }()
	err = h.unit(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, "CREATE TABLE hotel_desks (reservation TEXT PRIMARY KEY, guest TEXT NOT NULL)")
		return err
	})
	if err != nil {
		return err
	}
	h.addRoutes()
	server := httptest.NewServer(h.app.Handler)
	defer server.Close()
	running, stop := context.WithCancel(ctx)
	ended := make(chan error)
	go func() { ended <- h.app.Run(running) }()
	defer func() { stop(); err = errors.Join(err, <-ended) }()
	return h.visit(ctx, server.URL)
}
