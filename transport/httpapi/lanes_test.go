package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// costly are the classes that have lanes.
var costly = []edge.Class{edge.Search, edge.Export, edge.Live, edge.Audit, edge.Images, edge.Hashing}

// one sets limits with which one request of each class runs at a time, and none waits.
func one(o *httpapi.Options) {
	l := edge.Lane{AtOnce: 1}
	o.Limits = edge.Limits{
		Exports: edge.ExportLimits{AtOnce: 1}, Streams: edge.StreamLimits{AtOnce: 1, Longest: 20 * time.Millisecond}, Lanes: edge.Lanes{Search: l, Audit: l, Images: l, Hashing: l},
	}
}

// occupy runs f while another caller has the only place of each class.
func (tn *town) occupy(f func(), classes ...edge.Class) {
	tn.t.Helper()
	ctx := edge.WithCall(tn.ctx, edge.Call{Operation: "test", Address: "203.0.113.1"})
	for _, c := range classes {
		defer must[func()](tn.t)(tn.api.Gate().Enter(ctx, c, "another"))()
	}
	f()
}

// TestClassOfEveryRoute checks that a route runs in the lane of its row in routeTable, and in no
// other: it is refused while that lane is full, and served while all others are.
func TestClassOfEveryRoute(t *testing.T) {
	for _, route := range httpapi.New(newWorld(t).services, httpapi.Options{}).Server().Routes() {
		t.Run(route.Name, func(t *testing.T) {
			r := routeTable[route.Name]
			if r.class != edge.Cheap && !slices.Contains(costly, r.class) {
				t.Fatalf("the row has the class %q", r.class)
			}
			tn := newTown(t, one)
			body := tn.words.Replace(r.body)
			if route.Name == "send" {
				body = `{"attachment":"` + dataURL("image/png", picture(t, 2, 2)) + `"}`
			}
			ask := func() answer {
				return tn.ask(route.Method, tn.path(route, r), tn.people[r.callers()[0]].token, body)
			}
			if r.class != edge.Cheap {
				code := map[edge.Class]string{edge.Export: "exports_busy", edge.Live: "streams_busy"}[r.class]
				if code == "" {
					code = "busy"
				}
				tn.unchanged(func() {
					tn.occupy(func() { ask().refused(t, 503, code) }, r.class)
				})
			}
			others := slices.DeleteFunc(slices.Clone(costly), func(c edge.Class) bool { return c == r.class })
			tn.occupy(func() { ask().want(t, r.want[0]) }, others...)
		})
	}
}

func TestMessageWithoutImageIsCheap(t *testing.T) {
	tn := newTown(t, one)
	tn.occupy(func() {
		path := tn.words.Replace("/v1/conversations/{conversation}/messages")
		tn.ask("POST", path, tn.people["voyager"].token, `{"content":"Hello"}`).want(t, 201)
	}, costly...)
}

func TestClientKnowsTheRefusalsOfLanes(t *testing.T) {
	tn := newTown(t, one)
	tn.occupy(func() {
		_, err := tn.client.SignIn(tn.ctx, tn.people["voyager"].email, password)
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || !errors.Is(err, edge.ErrBusy) || f.RetryAfter != edge.ErrBusy.RetryAfter {
			t.Errorf("got %v (%v), want %v with a RetryAfter", err, f, edge.ErrBusy)
		}
	}, edge.Hashing)
}

// TestLanesInReadme holds the page to the classes of routeTable.
func TestLanesInReadme(t *testing.T) {
	page := string(must[[]byte](t)(os.ReadFile("README.md")))
	_, section, _ := strings.Cut(page, "\n## Lanes\n")
	section, _, _ = strings.Cut(section, "\n## ")
	onPage := map[string]string{}
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		for route := range strings.SplitSeq(cells[2], ",") {
			route, _, _ = strings.Cut(strings.TrimSpace(route), " with an image")
			onPage[route] = strings.TrimSpace(cells[1])
		}
	}
	for _, route := range newWorld(t).api.Server().Routes() {
		class := string(routeTable[route.Name].class)
		if class == string(edge.Cheap) {
			class = ""
		}
		if got := onPage[route.Method+" "+route.Path]; got != class {
			t.Errorf("README.md has %s %s in the lane %q, want %q", route.Method, route.Path, got, class)
		}
	}
}

// heldHasher is a hasher that waits before it hashes.
type heldHasher struct {
	quickHasher
	hold   func() // runs before each hash
	hashed atomic.Int64
}

func (h *heldHasher) Hash(ctx context.Context, password string) (string, error) {
	h.hashed.Add(1)
	h.hold()
	return h.quickHasher.Hash(ctx, password)
}

func (h *heldHasher) Verify(ctx context.Context, hash, password string) (bool, error) {
	made, err := h.Hash(ctx, password)
	return made == hash, err
}

// units is a storage that counts the units of work that are open.
type units struct {
	ports.Storage
	open atomic.Int64
}

func (u *units) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	u.open.Add(1)
	defer u.open.Add(-1)
	return u.Storage.Run(ctx, mode, fn)
}

// hashing is a world whose hashes wait.
type hashing struct {
	*world
	hasher *heldHasher
	units  *units
	allow  chan struct{} // each value allows one hash
}

// newHashing returns a hashing with a lane, for a bubble of synctest.
func newHashing(t *testing.T, lane edge.Lane) *hashing {
	h := &hashing{hasher: &heldHasher{hold: func() {}}, units: &units{Storage: memory.New()}, allow: make(chan struct{})}
	h.world = newWorldIn(t, h.units)
	h.services = must[*services.Services](t)(newServices(h.store, h.clock, h.mailbox, func(p *services.Parts, _ *services.Policies) {
		p.Hasher = h.hasher
	}))
	h.serve(func(o *httpapi.Options) { o.Limits.Lanes.Hashing = lane })
	return h
}

// held runs f while all hashes wait.
func (h *hashing) held(f func()) {
	h.hasher.hold = func() { <-h.allow }
	defer close(h.allow)
	h.hasher.hashed.Store(0)
	f()
}

// pending is a request that was sent.
type pending struct {
	leave    context.CancelFunc
	recorder *httptest.ResponseRecorder
	done     bool
}

// signIn sends a wrong sign-in from an address, and waits until it is answered, waits or hashes.
func (h *hashing) signIn(address, email string) *pending {
	ctx, leave := context.WithCancel(h.ctx)
	r := requestOf(h.t, "POST", "/v1/auth/login", `{"email":"`+email+`","password":"`+password+`"}`).WithContext(ctx)
	r.RemoteAddr = address + ":1000"
	p := &pending{leave: leave, recorder: httptest.NewRecorder()}
	go func() {
		defer leave()
		h.api.ServeHTTP(p.recorder, r)
		p.done = true
	}()
	synctest.Wait()
	return p
}

// wantHashed fails the test unless so many hashes have begun.
func (h *hashing) wantHashed(n int64) {
	h.t.Helper()
	if got := h.hasher.hashed.Load(); got != n {
		h.t.Fatalf("%d hashes have begun, want %d", got, n)
	}
}

func (p *pending) refused(t *testing.T, status int, code, retryAfter string) {
	t.Helper()
	if !p.done {
		t.Fatalf("the request is not answered, want %d %s", status, code)
	}
	a := answer{p.recorder.Code, p.recorder.Header(), p.recorder.Body.String()}
	a.refused(t, status, code)
	if got := a.header.Get("Retry-After"); got != retryAfter {
		t.Errorf("got Retry-After %q, want %q", got, retryAfter)
	}
}

func TestHashesWaitInAQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHashing(t, edge.Lane{AtOnce: 1, Each: 1, Queue: 4, QueueEach: 2})
		ada := h.person("Ada")
		h.signIn("192.0.2.9", "unknown@example.org") // makes the hash with which unknown addresses are compared
		h.held(func() {
			first := h.signIn("192.0.2.1", "one@example.org")
			waiting := []*pending{h.signIn("192.0.2.1", "two@example.org"), h.signIn("192.0.2.1", "three@example.org")}
			h.signIn("192.0.2.1", "four@example.org").refused(t, 429, "too_many_at_once", "1")
			leaving := h.signIn("2001:db8::1", "five@example.org")
			right := h.signIn("192.0.2.2", ada.email)
			h.signIn("192.0.2.3", "six@example.org").refused(t, 503, "busy", "2")
			h.wantHashed(1)
			if open := h.units.open.Load(); open != 0 {
				t.Errorf("%d units of work are open while sign-ins wait and hash", open)
			}
			h.ask("GET", "/v1/me", ada.token, "").want(t, 200) // others do not wait
			leaving.leave()
			synctest.Wait()

			h.allow <- struct{}{} // the first
			synctest.Wait()
			first.refused(t, 401, "sign_in_failed", "")
			h.wantHashed(2)
			h.allow <- struct{}{} // the second of the same address
			h.allow <- struct{}{} // that of another one
			synctest.Wait()
			if !right.done || right.recorder.Code != 200 {
				t.Errorf("the right sign-in of another address is not next: %v %s", right.done, right.recorder.Body)
			}
			h.allow <- struct{}{}
			synctest.Wait()
			for _, p := range waiting {
				p.refused(t, 401, "sign_in_failed", "")
			}
			h.wantHashed(4) // none for the caller who has left, and none for those who were refused
		})
	})
}

// TestAccountsShareHashes checks that the spellings of an e-mail address are one account.
func TestAccountsShareHashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHashing(t, edge.Lane{AtOnce: 1, Queue: 100, QueueEach: 1})
		h.person("Ada")
		h.held(func() {
			spellings := []string{"ada@example.org", "ADA@example.org", " ada@Example.org"}
			for i, spelling := range spellings {
				h.signIn("192.0.2."+string(rune('1'+i)), spelling)
			}
			h.signIn("192.0.2.9", "Ada@EXAMPLE.org").refused(t, 429, "too_many_at_once", "1")
			for range spellings {
				h.allow <- struct{}{}
			}
			synctest.Wait()
		})
	})
}

// TestHashesHoldNoUnit checks for each route that hashes that no unit of work is open meanwhile.
func TestHashesHoldNoUnit(t *testing.T) {
	for _, route := range httpapi.New(newWorld(t).services, httpapi.Options{}).Server().Routes() {
		r := routeTable[route.Name]
		if r.class != edge.Hashing {
			continue
		}
		t.Run(route.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHashing(t, edge.Lane{AtOnce: 1})
				ada := h.person("Ada")
				if err := h.client.ForgotPassword(h.ctx, ada.email); err != nil {
					t.Fatal(err)
				}
				want, code := r.want[0], "123456"
				if route.Name == "removeSecondFactor" {
					_, recovery := h.secondFactor(ada)
					want, code = http.StatusNoContent, recovery[0]
				}
				h.hasher.hashed.Store(0)
				words := strings.NewReplacer("{email}", ada.email, "{password}", password, "{reset}", h.secret(), "123456", code)
				h.held(func() {
					var a answer
					var done bool
					go func() {
						a = h.ask(route.Method, route.Path, ada.token, words.Replace(r.body))
						done = true
					}()
					for synctest.Wait(); !done; synctest.Wait() {
						if open := h.units.open.Load(); open != 0 {
							t.Errorf("%d units of work are open", open)
						}
						h.allow <- struct{}{}
					}
					a.want(t, want)
					if h.hasher.hashed.Load() == 0 {
						t.Error("no password was hashed")
					}
				})
			})
		})
	}
}

// TestPlacesAreGivenBack checks that a place is free again after panics and errors.
func TestPlacesAreGivenBack(t *testing.T) {
	h := newHashing(t, edge.Lane{AtOnce: 1})
	ada := h.person("Ada")
	body := `{"email":"` + ada.email + `","password":"` + password + `"}`
	h.ask("POST", "/v1/auth/login", "", body).want(t, 200)
	h.hasher.hold = func() { panic("out of order") }
	for range 3 {
		h.ask("POST", "/v1/auth/login", "", body).refused(t, 500, "internal")
	}
	h.hasher.hold = func() {}
	h.ask("POST", "/v1/auth/login", "", `{"email":"ada@example.org","password":"wrong"}`).refused(t, 401, "")
	h.ask("POST", "/v1/auth/login", "", body).want(t, 200)
}

// TestSlowBodyHasNoPlace checks that a request enters its lane when its body has been read.
func TestSlowBodyHasNoPlace(t *testing.T) {
	tn := newTown(t, one)
	body := &slowBody{asked: make(chan struct{}), rest: make(chan struct{})}
	slow := httptest.NewRequestWithContext(tn.ctx, "POST", "/v1/auth/login", body)
	slow.Header.Set("Content-Type", "application/json")
	answered := make(chan answer)
	go func() { answered <- tn.send(slow) }()
	<-body.asked
	in, err := tn.client.SignIn(tn.ctx, tn.people["voyager"].email, password)
	if err != nil || in.AccessToken == "" {
		t.Errorf("another sign-in: %v", err)
	}
	close(body.rest)
	(<-answered).refused(t, 400, "")
}

// slowBody is a body that stops until rest is closed.
type slowBody struct{ asked, rest chan struct{} }

func (b *slowBody) Read([]byte) (int, error) {
	close(b.asked)
	<-b.rest
	return 0, os.ErrDeadlineExceeded
}
