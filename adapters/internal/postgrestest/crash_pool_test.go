package postgrestest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/wiring"
)

// TestPoolExhausted checks that units get an error in time while all connections are in use, and
// succeed when one is free.
func TestPoolExhausted(t *testing.T) {
	o := impatient
	o.MaxConns, o.AcquireTimeout = 2, 200*time.Millisecond
	s := serve(t, servers.Postgres(t), o)
	config := wiring.DefaultConfig()
	config.PasswordCost = 4
	services, err := wiring.NewServices(config, s.storage)
	must(t, err)
	api := httpapi.New(services, httpapi.Options{Ready: s.storage.Ping})
	ask := func(method, path, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", "once")
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		return w
	}
	signUp := func() *httptest.ResponseRecorder {
		return ask(http.MethodPost, "/v1/auth/signup", `{"name": "Ada", "email": "ada@example.org", "password": "correct horse"}`)
	}
	alone := &workload.Keyless{Community: s.Community, Pair: s.pairs[0]}

	free := s.holdAll(t)
	if err := alone.Send(t.Context()); !errors.Is(err, uow.ErrUnreachable) || !errors.Is(err, fault.Unavailable) {
		t.Errorf("a message: got error %v, want %v", err, uow.ErrUnreachable)
	}
	if err := s.storage.Ping(t.Context()); !errors.Is(err, uow.ErrUnreachable) {
		t.Errorf("Ping = %v, want %v", err, uow.ErrUnreachable)
	}
	for what, w := range map[string]*httptest.ResponseRecorder{
		"store_unreachable": signUp(),
		"not_ready":         ask(http.MethodGet, "/readyz", ""),
	} {
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), `"`+what+`"`) {
			t.Errorf("got %d %v %s, want 503 with Retry-After and %s", w.Code, w.Header(), w.Body, what)
		}
	}
	waiting, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := alone.Send(waiting); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled message: got error %v", err)
	}
	free()

	if w := signUp(); w.Code != http.StatusCreated {
		t.Errorf("a sign-up when connections are free: got %d %s", w.Code, w.Body)
	}
	if w := ask(http.MethodGet, "/readyz", ""); w.Code != http.StatusOK {
		t.Errorf("readiness when connections are free: got %d %s", w.Code, w.Body)
	}
	must(t, alone.Send(t.Context()))
	alone.Judge(t)
	workload.Audit(t, s.Community)
}

// holdAll acquires all connections, and returns a function that releases them.
func (s *service) holdAll(t *testing.T) (free func()) {
	t.Helper()
	there, goOn := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	for range s.options.MaxConns {
		all.Go(func() {
			err := s.unit(t.Context(), uow.Read, func() {
				there <- struct{}{}
				<-goOn
			})
			if err != nil {
				t.Errorf("a unit that held a connection: got error %v", err)
			}
		})
	}
	for range s.options.MaxConns {
		<-there
	}
	return func() {
		close(goOn)
		all.Wait()
	}
}
