package httpapi_test

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"github.com/go-kit/kit/endpoint"

	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// TestEndedSessions sends the request of every route, well-formed and malformed, with the token of a
// session that has ended: to an API that leaves the check of the session to the use case where it
// can, and to one that does not, because a host has middleware.
func TestEndedSessions(t *testing.T) {
	for name, end := range map[string]func(tn *town){
		"signed out": func(tn *town) {
			tn.ask("POST", "/v1/auth/logout", "", `{"refresh_token":"`+tn.people["voyager"].refresh+`"}`).want(tn.t, 204)
		},
		"inactive": func(tn *town) {
			path := "/v1/admin/users/" + tn.people["voyager"].id.String()
			tn.ask("PATCH", path, tn.people["admin"].token, `{"is_active":false}`).want(tn.t, 200)
		},
	} {
		t.Run(name, func(t *testing.T) {
			tn := newTown(t)
			end(tn)
			token := tn.people["voyager"].token
			bad := []string{"Content-Type", "text/plain", "Idempotency-Key", "", "Content-Encoding", "gzip"}
			asked := 0
			for _, route := range tn.api.Server().Routes() {
				r := routeTable[route.Name]
				if !r.needsSignIn() {
					continue
				}
				asked++
				for _, change := range []func(*httpapi.Options){
					func(*httpapi.Options) {},
					func(o *httpapi.Options) {
						o.Middleware = append(o.Middleware, func(next endpoint.Endpoint) endpoint.Endpoint {
							return func(ctx context.Context, request any) (any, error) {
								t.Errorf("%s: the middleware of the host ran", route.Name)
								return next(ctx, request)
							}
						})
					},
				} {
					tn.unchanged(func() {
						tn.serve(change) // forgets the sessions that have ended
						tn.ask(route.Method, tn.path(route, r), token, tn.words.Replace(r.body)).refused(t, 401, "not_signed_in")
						tn.ask(route.Method, tn.path(route, r), token, tn.words.Replace(r.body)).refused(t, 401, "not_signed_in")
						tn.serve(change)
						tn.ask(route.Method, inPath("nonsense", route)+"?no=such&limit=0", token, "{", bad...).refused(t, 401, "not_signed_in")
					})
				}
			}
			if asked < 40 {
				t.Errorf("only %d routes were asked", asked)
			}
		})
	}
}

// TestEndedSessionsUseNothing checks that requests of a session that has ended do not use up the rate
// of the user's other sessions, and that the log does not name the user.
func TestEndedSessionsUseNothing(t *testing.T) {
	tn := newTown(t)
	voyager := tn.people["voyager"]
	in := tn.ask("POST", "/v1/auth/login", "", `{"email":"`+voyager.email+`","password":"`+password+`"}`).want(t, 200).object(t)
	tn.ask("POST", "/v1/auth/logout", "", `{"refresh_token":"`+voyager.refresh+`"}`).want(t, 204)
	named := 0
	tn.serve(func(o *httpapi.Options) {
		o.Limits.User = edge.Rate{PerSecond: 0.001, Burst: 3}
		o.Observe = func(ctx context.Context, _ httpapi.Exchange) {
			if c, ok := edge.Watched(ctx); ok && c.UserID == voyager.id {
				named++
			}
		}
	})
	for range 20 {
		tn.ask("GET", "/v1/wallet", voyager.token, "").refused(t, 401, "not_signed_in")
	}
	if named != 0 {
		t.Errorf("the user was named %d times", named)
	}
	for range 2 {
		tn.ask("GET", "/v1/wallet", in["access_token"].(string), "").want(t, http.StatusOK)
	}
	if named != 2 {
		t.Errorf("the user was named %d times, want 2", named)
	}
}

// counting notes whether the last request was presumed.
type counting struct {
	*users.Service
	presumed bool
}

func (c *counting) Presume(ctx context.Context, token string) (context.Context, users.Caller, func(context.Context) error, error) {
	c.presumed = true
	return c.Service.Presume(ctx, token)
}

// TestPresumedRoutes names the routes that leave the check of the session to the use case: a route is
// one of them on purpose only.
func TestPresumedRoutes(t *testing.T) {
	w := newWorld(t)
	d := &counting{Service: w.services.Users}
	w.serve(func(o *httpapi.Options) { o.Authenticator = d })
	var presumed []string
	ada := w.person("Ada")
	for _, route := range w.api.Server().Routes() {
		d.presumed = false
		w.ask(route.Method, inPath("nonsense", route), ada.token, "{")
		if d.presumed {
			presumed = append(presumed, route.Name)
		}
	}
	slices.Sort(presumed)
	want := []string{
		"blocks", "conversation", "conversationReservations", "conversations", "matches", "me", "messages", "myProfile", "notifications",
		"places", "profile", "read", "reports", "reservation", "reservations", "send", "sessions", "transactions", "wallet",
	}
	if !slices.Equal(presumed, want) {
		t.Errorf("got %q, want %q", presumed, want)
	}
}
