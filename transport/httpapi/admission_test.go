package httpapi_test

import (
	"context"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// sessionReads is an Authenticator that counts the sessions that it reads.
type sessionReads struct {
	*users.Service
	read atomic.Int64
}

func (c *sessionReads) Authenticate(ctx context.Context, token string) (users.Caller, error) {
	c.read.Add(1)
	return c.Service.Authenticate(ctx, token)
}

// admitOne lets one request run, and none wait. Requests that are kept have a place of their own.
func admitOne(o *httpapi.Options) {
	o.Limits.Admission = edge.Admission{Least: 1, Most: 1, Slowdown: 2, Reserve: 1}
}

// full runs f while another caller has the only place.
func (tn *town) full(f func()) {
	tn.t.Helper()
	ctx := edge.Watch(edge.WithCall(tn.ctx, edge.Call{Operation: "test", Address: "203.0.113.1"}))
	must[context.Context](tn.t)(tn.api.Gate().Arrive(ctx))
	defer tn.api.Gate().Depart(ctx)
	f()
}

// hasWayIn reports whether a route is served under overload: those of probes and of admins,
// whatever ends a session, and those that begin with a hash, which has its lane.
func hasWayIn(route kithttp.RouteInfo, r row) bool {
	named := slices.Contains([]string{"healthz", "readyz", "logOut", "endSession", "endOtherSessions"}, route.Name)
	return named || strings.HasPrefix(route.Path, "/v1/admin/") || r.class == edge.Hashing && !r.needsSignIn()
}

// TestSlowdownsAreThoseOfOperations checks the names of the operations that may take longer under
// load.
func TestSlowdownsAreThoseOfOperations(t *testing.T) {
	for name := range edge.DefaultAdmission(1).Slowdowns {
		if err := httpapi.CheckRoutes(newWorld(t).services, []string{name}); err != nil {
			t.Error(err)
		}
	}
}

// TestAdmissionOfEveryRoute sends the request of every row, over both transports, while there is no
// place. It is refused before its session or its body is read, or has a way in.
func TestAdmissionOfEveryRoute(t *testing.T) {
	for _, route := range newWorld(t).api.Server().Operations() {
		t.Run(route.Name, func(t *testing.T) {
			r := routeTable[route.Name]
			tn := newTown(t, admitOne)
			token, path, m := tn.people[r.callers()[0]].token, tn.path(route.RouteInfo, r), methods[route.Name]
			body := tn.words.Replace(r.body)
			if hasWayIn(route.RouteInfo, r) {
				tn.full(func() { tn.ask(route.Method, path, token, body).want(t, r.want[0]) })
				return
			}
			sessions := &sessionReads{Service: tn.services.Users}
			tn.serve(admitOne, func(o *httpapi.Options) { o.Authenticator = sessions })
			tn.full(func() {
				tn.unchanged(func() {
					request := httptest.NewRequestWithContext(tn.ctx, route.Method, path, unread{t})
					request.ContentLength = int64(len(body))
					request.Header.Set("Authorization", "Bearer "+token)
					got := tn.send(request)
					got.refused(t, 503, "busy")
					if after := got.header.Get("Retry-After"); after != "2" {
						t.Errorf("got Retry-After %q", after)
					}
					if m == nil {
						return
					}
					reply := call(t.Context(), tn.dial(), m, token, nil, messageOf(t, m, route.RouteInfo, path, body))
					reply.like(t, route, got)
					if !slices.ContainsFunc(reply.status.Details(), func(detail any) bool {
						retry, ok := detail.(*errdetails.RetryInfo)
						return ok && retry.GetRetryDelay().AsDuration() == edge.ErrBusy.RetryAfter
					}) {
						t.Errorf("got %v without a time to wait", reply.status)
					}
				})
			})
			if n := sessions.read.Load(); n > 0 {
				t.Errorf("%d sessions were read", n)
			}
			tn.ask(route.Method, path, token, body).want(t, r.want[0]) // there is a place again
		})
	}
}

// TestPlacesOfArrivalsAreGivenBack sends the request of every row as each of its callers, and bad
// ones, over both transports, one after the other to a server that runs one at a time.
func TestPlacesOfArrivalsAreGivenBack(t *testing.T) {
	tn := newTown(t, admitOne)
	conn := tn.dial()
	for _, route := range tn.api.Server().Operations() {
		r := routeTable[route.Name]
		if r.class == edge.Hashing || strings.Contains(route.Name, "Session") || route.Name == "logOut" || route.Name == "deleteMe" {
			continue // they end the sessions of the others
		}
		for _, caller := range r.callers() {
			token, path, body := tn.people[caller].token, tn.path(route.RouteInfo, r), tn.words.Replace(r.body)
			for _, a := range []answer{tn.ask(route.Method, path, token, body), tn.ask(route.Method, path+"?no=such", token, "{")} {
				if a.status == 503 {
					t.Fatalf("%s as %s: %s", route.Name, caller, a.body)
				}
			}
			if m := methods[route.Name]; m != nil {
				for _, text := range []string{body, ""} {
					reply := call(t.Context(), conn, m, token, nil, messageOf(t, m, route.RouteInfo, path, text))
					if code, _ := reply.code(); code == "busy" {
						t.Fatalf("%s as %s over gRPC: %v", route.Name, caller, reply.status)
					}
				}
			}
			if l := tn.api.Gate().Admission(); l.Running != 0 || l.Waiting != 0 {
				t.Fatalf("after %s as %s: %+v", route.Name, caller, l)
			}
		}
	}
}

// TestSlowBodyHasNoPlaceOfArrivals checks that a request has a place for its session, has none
// while its body arrives, and waits for one when it has arrived.
func TestSlowBodyHasNoPlaceOfArrivals(t *testing.T) {
	tn := newTown(t, admitOne)
	body := &slowBody{asked: make(chan struct{}), rest: make(chan struct{})}
	slow := httptest.NewRequestWithContext(tn.ctx, "PATCH", "/v1/me", body)
	slow.Header.Set("Content-Type", "application/json")
	slow.Header.Set("Authorization", "Bearer "+tn.people["voyager"].token)
	answered := make(chan answer)
	go func() { answered <- tn.send(slow) }()
	<-body.asked
	for range 1000 {
		if tn.api.Gate().Admission().Running == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	tn.ask("GET", "/v1/me", tn.people["local"].token, "").want(t, 200)
	close(body.rest)
	(<-answered).refused(t, 400, "")
}

// heldBody is a body that arrives when rest is closed.
type heldBody struct {
	asked, rest chan struct{}
	*strings.Reader
}

func (b *heldBody) Read(p []byte) (int, error) {
	if b.asked != nil {
		close(b.asked)
		<-b.rest
		b.asked = nil
	}
	return b.Reader.Read(p)
}

func TestRequestWaitsForItsPlaceAfterItsBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tn := newTown(t, admitOne, func(o *httpapi.Options) { o.Limits.Admission.Queue, o.Limits.Admission.Wait = 1, time.Second })
		me := func() (*heldBody, chan answer) {
			body := &heldBody{make(chan struct{}), make(chan struct{}), strings.NewReader(`{"bio":"I walk."}`)}
			r := httptest.NewRequestWithContext(tn.ctx, "PATCH", "/v1/me", body)
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer "+tn.people["voyager"].token)
			answered := make(chan answer, 1)
			go func() { answered <- tn.send(r) }()
			<-body.asked
			time.Sleep(10 * time.Millisecond) // until it has given its place back
			return body, answered
		}
		body, answered := me()
		tn.full(func() {
			close(body.rest)
			synctest.Wait()
			if len(answered) > 0 {
				t.Errorf("it did not wait: %s", (<-answered).body)
			}
		})
		(<-answered).want(t, 200)

		body, answered = me()
		tn.full(func() { // for longer than it waits
			close(body.rest)
			(<-answered).refused(t, 503, "busy")
		})
	})
}

// TestArrivalsShareByUser floods the server as one user, from one address. Others who share the
// address are not refused.
func TestArrivalsShareByUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tn := newTown(t, func(o *httpapi.Options) {
			o.Limits.Admission = edge.Admission{Least: 1, Most: 1, Slowdown: 2, Queue: 3}
		})
		var got []chan answer
		ask := func(as string) {
			answered := make(chan answer, 1)
			got = append(got, answered)
			go func() { answered <- tn.ask("GET", "/v1/wallet", tn.people[as].token, "") }()
			synctest.Wait()
		}
		tn.full(func() {
			for _, as := range []string{"voyager", "voyager", "voyager", "voyager", "local", "stranger", "admin"} {
				ask(as)
			}
			// The queue is full of one request of each of three, so that a fourth is refused.
		})
		for i, want := range []int{200, 503, 503, 503, 200, 200, 503} {
			(<-got[i]).want(t, want)
		}
	})
}

// TestRefusalsAreLoggedTogether checks that of many requests which are refused because of the load,
// one in a second has a line, with their number. Each is observed.
func TestRefusalsAreLoggedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logbook
		observed := 0
		tn := newTown(t, admitOne)
		tn.serve(admitOne, func(o *httpapi.Options) {
			o.Log = book.logger()
			o.Observe = func(_ context.Context, x httpapi.Exchange) {
				if x.Status == 503 && x.Route == "GET /v1/wallet" && x.Bytes > 0 {
					observed++
				}
			}
		})
		tn.full(func() {
			for range 2 {
				for range 10 {
					tn.ask("GET", "/v1/wallet", tn.people["voyager"].token, "").refused(t, 503, "busy")
				}
				time.Sleep(time.Second)
			}
			tn.ask("GET", "/v1/interests", "", "").refused(t, 503, "busy") // by the gate
		})
		var refused []any
		for _, line := range book.lines(t, "request") {
			if line["code"] != "busy" || line["status"] != 503.0 || line["address"] == "" || line["request_id"] == "" {
				t.Errorf("got the line %v", line)
			}
			refused = append(refused, line["refused"])
		}
		if want := []any{1.0, 10.0, 10.0}; !slices.Equal(refused, want) {
			t.Errorf("got lines about %v requests, want %v", refused, want)
		}
		if observed != 20 {
			t.Errorf("%d requests were observed", observed)
		}
		for _, line := range book.lines(t, "request failed") {
			if line["level"] != "DEBUG" {
				t.Errorf("got the line %v", line)
			}
		}
	})
}

// TestRefusalsLookAlike compares a request that is refused before anything is made for it with one
// that a gate refuses.
func TestRefusalsLookAlike(t *testing.T) {
	const origin = "https://app.example.org"
	tn := newTown(t, admitOne, func(o *httpapi.Options) { o.Origins = []string{origin} })
	tn.full(func() {
		ask := func(path string) answer { return tn.ask("GET", path, "", "", "Origin", origin, "X-Request-Id", "mine") }
		early, late := ask("/v1/wallet"), ask("/v1/interests")
		if !maps.EqualFunc(early.header, late.header, slices.Equal) || early.body != late.body {
			t.Errorf("got %v %s\nand %v %s", early.header, early.body, late.header, late.body)
		}
		if early.header.Get("X-Request-Id") != "mine" || early.header.Get("Access-Control-Allow-Origin") != origin {
			t.Errorf("got %v", early.header)
		}
	})
}

// TestRouteOfAHostIsNotTurnedAway checks that a route in the place of one of the API is as the host
// wants it.
func TestRouteOfAHostIsNotTurnedAway(t *testing.T) {
	tn := newTown(t, admitOne, func(o *httpapi.Options) { o.WithoutRoutes = []string{"wallet"} })
	kithttp.Handle(tn.api.Server(), kithttp.Route[kithttp.None, kithttp.None]{Name: "wallet", Method: "GET", Path: "/v1/wallet"},
		func(context.Context, kithttp.None) (kithttp.None, error) { return kithttp.None{}, nil })
	tn.full(func() { tn.ask("GET", "/v1/wallet", "", "").want(t, 204) })
}
