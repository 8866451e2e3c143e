package httpapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// slow returns a rate that admits no more requests than the burst while a test runs.
func slow(burst int) edge.Rate { return edge.Rate{PerSecond: 1.0 / 3600, Burst: burst} }

// from sends a request from an address.
func (w *world) from(address, method, path, token string) answer {
	r := requestOf(w.t, method, path, "")
	r.RemoteAddr = address
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return w.send(r)
}

func TestLimitOfAnAddress(t *testing.T) {
	w := newWorld(t)
	ada := w.person("Ada")
	w.serve(func(o *httpapi.Options) { o.Limits.Anonymous = slow(2) })
	const here = "192.0.2.1:1000"
	w.from(here, "GET", "/v1/interests", "").want(t, 200)
	w.from("192.0.2.1:2000", "GET", "/v1/interests", "").want(t, 200) // another port is the same client
	a := w.from(here, "GET", "/v1/interests", "")
	a.refused(t, 429, "too_many_requests")
	if after, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || after < 3500 || after > 3600 {
		t.Errorf("got Retry-After %q, want about an hour", a.header.Get("Retry-After"))
	}
	t.Run("failed tries count", func(t *testing.T) {
		w.from(here, "GET", "/v1/me", "").refused(t, 429, "too_many_requests")
		w.from(here, "GET", "/v1/me", "nonsense").refused(t, 429, "too_many_requests")
	})
	t.Run("a signed-in user has a separate limit", func(t *testing.T) {
		w.from(here, "GET", "/v1/me", ada.token).want(t, 200)
	})
	t.Run("another address has a separate limit", func(t *testing.T) {
		w.from("192.0.2.2:1000", "GET", "/v1/interests", "").want(t, 200)
	})
	t.Run("an IPv6 /64 counts as one address", func(t *testing.T) {
		for i, status := range []int{200, 200, 429} {
			w.from(fmt.Sprintf("[2001:db8::%d]:1000", i+1), "GET", "/v1/interests", "").want(t, status)
		}
		w.from("[2001:db8:0:1::1]:1000", "GET", "/v1/interests", "").want(t, 200)
	})
	t.Run("the health routes have no limit", func(t *testing.T) {
		for range 5 {
			w.from(here, "GET", "/healthz", "").want(t, 200)
			w.from(here, "GET", "/readyz", "").want(t, 200)
		}
	})
	t.Run("the least recently used address is dropped", func(t *testing.T) {
		for i := range 10_000 {
			w.from(fmt.Sprintf("10.0.%d.%d:1000", i/250, i%250), "GET", "/v1/interests", "").want(t, 200)
		}
		w.from(here, "GET", "/v1/interests", "").want(t, 200)
	})
}

func TestLimitOfAUser(t *testing.T) {
	w := newWorld(t)
	ada, ben := w.person("Ada"), w.person("Ben")
	w.serve(func(o *httpapi.Options) { o.Limits.User = slow(2) })
	other := w.signIn(ada) // another session of the same user
	w.from("192.0.2.1:1", "GET", "/v1/me", ada.token).want(t, 200)
	w.from("192.0.2.2:1", "GET", "/v1/me", other.token).want(t, 200)
	w.from("192.0.2.3:1", "GET", "/v1/me", ada.token).refused(t, 429, "too_many_requests")
	w.from("192.0.2.1:1", "GET", "/v1/me", ben.token).want(t, 200)
	w.from("192.0.2.1:1", "GET", "/v1/interests", ada.token).want(t, 200)

	_, err := w.client.As(ada.token).Me(w.ctx)
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || !errors.Is(err, edge.ErrTooManyRequests) || f.RetryAfter < time.Minute {
		t.Errorf("got %v (%v), want %v with a RetryAfter", err, f, edge.ErrTooManyRequests)
	}
}

// TestClientAddress checks that a host behind a proxy can name the client's address.
func TestClientAddress(t *testing.T) {
	w := newWorld(t, func(o *httpapi.Options) {
		o.Limits.Anonymous = slow(1)
		o.ClientAddress = func(r *http.Request) string { return r.Header.Get("X-Real-Ip") }
	})
	for _, c := range []struct {
		address string
		status  int
	}{{"192.0.2.1", 200}, {"192.0.2.2", 200}, {"192.0.2.1", 429}, {"::ffff:192.0.2.1", 429}} {
		w.ask("GET", "/v1/interests", "", "", "X-Real-Ip", c.address).want(t, c.status)
	}
}

func TestNoLimits(t *testing.T) {
	w := newWorld(t)
	for range 1000 {
		w.ask("GET", "/v1/interests", "", "").want(t, 200)
	}
	t.Run("the default burst", func(t *testing.T) {
		w.serve(func(o *httpapi.Options) { o.Limits.Anonymous = edge.Rate{PerSecond: 0.01} })
		w.ask("GET", "/v1/interests", "", "").want(t, 200)
		w.ask("GET", "/v1/interests", "", "").refused(t, 429, "too_many_requests")
	})
}
