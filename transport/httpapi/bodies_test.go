package httpapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// unread is a body that fails the test if it is read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

// TestNoBodyIsReadBeforeTheGate sends every route a body whose caller is refused. Not a byte of it
// is read.
func TestNoBodyIsReadBeforeTheGate(t *testing.T) {
	tn := newTown(t)
	send := func(method, path, token string, length int64) answer {
		r := httptest.NewRequestWithContext(tn.ctx, method, path, unread{t})
		r.ContentLength = length
		r.Header.Set("Content-Type", "application/json")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		return tn.send(r)
	}
	refused := 0
	for _, length := range []int64{-1, 1, 8 << 20} {
		for _, route := range tn.api.Server().Routes() {
			r := routeTable[route.Name]
			path := tn.path(route, r)
			if r.needsSignIn() {
				send(route.Method, path, "", length).refused(t, 401, "not_signed_in")
				refused++
			}
			if r.want[1] == 403 {
				send(route.Method, path, tn.people["stranger"].token, length).refused(t, 403, "admins_only")
				refused++
			}
		}
	}
	tn.serve(func(o *httpapi.Options) { o.Limits.Anonymous, o.Limits.User = slow(1), slow(1) })
	token := tn.people["voyager"].token
	tn.ask("GET", "/v1/me", token, "").want(t, 200)
	tn.ask("GET", "/v1/policy", "", "").want(t, 200)
	send("PUT", "/v1/me/profile", token, -1).refused(t, 429, "too_many_requests")
	send("POST", "/v1/auth/login", "", -1).refused(t, 429, "too_many_requests")
	if refused < 100 {
		t.Errorf("only %d requests were refused", refused)
	}
}

// upload is a message whose body has arrived only in part.
type upload struct {
	body *io.PipeWriter
	done chan answer
}

// upload begins to send a message with a body of the given number of blanks.
func (tn *town) upload(as string, blanks int) *upload {
	body, send := io.Pipe()
	u := &upload{send, make(chan answer, 1)}
	path := tn.words.Replace("/v1/conversations/{conversation}/messages")
	r := httptest.NewRequestWithContext(tn.ctx, "POST", path, body)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+tn.people[as].token)
	go func() {
		w := httptest.NewRecorder()
		tn.api.ServeHTTP(w, r)
		_ = body.Close()
		u.done <- answer{w.Code, w.Header(), w.Body.String()}
	}()
	sendBlanks(send, blanks)
	return u
}

// sendBlanks returns when the server has read all but the last blank and counted them, or has
// refused them.
func sendBlanks(w io.Writer, n int) {
	_, _ = io.WriteString(w, strings.Repeat(" ", n-1))
	_, _ = io.WriteString(w, " ")
}

// finish sends the rest of the body.
func (u *upload) finish() answer {
	_, _ = io.WriteString(u.body, `{"content":"Good evening!"}`)
	_ = u.body.Close()
	return <-u.done
}

// TestSmallRequestsGoOnWhileUploadsFillTheBudget fills the budget of the server with uploads.
// Further ones are refused until one of them is answered, while small bodies are read.
func TestSmallRequestsGoOnWhileUploadsFillTheBudget(t *testing.T) {
	tn := newTown(t)
	tn.serve(func(o *httpapi.Options) {
		o.Limits.Bodies = edge.BodyLimits{Total: 16 << 20, Reserve: 1 << 20, PerCaller: 8 << 20}
	})
	first, second := tn.upload("voyager", 7<<20), tn.upload("local", 7<<20)
	over := <-tn.upload("stranger", 2<<20).done
	over.refused(t, 503, "bodies_busy")
	if after := over.header.Get("Retry-After"); after != "5" {
		t.Errorf("got Retry-After %q, want 5", after)
	}
	(<-tn.upload("voyager", 2<<20).done).refused(t, 503, "body_share_used")
	for range 20 {
		tn.ask("POST", "/v1/auth/login", "", tn.words.Replace(`{"email":"{email}","password":"{password}"}`)).want(t, 200)
		tn.ask("PATCH", "/v1/me", tn.people["stranger"].token, `{"bio":"I walk."}`).want(t, 200)
	}
	first.finish().want(t, 201)
	third := tn.upload("voyager", 7<<20)
	second.finish().want(t, 201)
	third.finish().want(t, 201)
	// Nothing of what was refused or answered is held.
	first, second = tn.upload("voyager", 7<<20), tn.upload("local", 7<<20)
	first.finish().want(t, 201)
	second.finish().want(t, 201)
}

// TestBudgetOfAnAddress checks that small bodies of one address leave room for those of others.
func TestBudgetOfAnAddress(t *testing.T) {
	w := newWorld(t)
	w.person("Ada")
	w.serve(func(o *httpapi.Options) {
		o.Limits.Bodies = edge.BodyLimits{Total: 4 << 20, Reserve: 1 << 20, PerCaller: 1 << 20} // 256 KiB of small bodies
	})
	logIn := func(address string, blanks int) *http.Request {
		r := requestOf(t, "POST", "/v1/auth/login", strings.Repeat(" ", blanks)+fmt.Sprintf(`{"email":"ada@example.org","password":%q}`, password))
		r.RemoteAddr = address
		return r
	}
	var held []func()
	for i := range 4 {
		body, send := io.Pipe()
		r := logIn(fmt.Sprintf("[2001:db8::%d]:1", i+1), 0)
		r.Body, r.ContentLength = body, -1
		done := make(chan struct{})
		go func() { w.api.ServeHTTP(httptest.NewRecorder(), r); close(done) }()
		sendBlanks(send, 60<<10)
		held = append(held, func() { _ = send.Close(); <-done })
	}
	w.send(logIn("[2001:db8::9]:1", 20<<10)).refused(t, 503, "body_share_used")
	w.send(logIn("[2001:db8::9]:1", 0)).want(t, 200)
	w.send(logIn("[2001:db8:0:1::9]:1", 20<<10)).want(t, 200)
	for _, end := range held {
		end()
	}
	w.send(logIn("[2001:db8::9]:1", 20<<10)).want(t, 200)
}

// TestProblemsOfTheAPIAreSmall sends long values in every field of every body and in every parameter of
// every query. What the API answers does not grow with them.
func TestProblemsOfTheAPIAreSmall(t *testing.T) {
	tn := newTown(t)
	d := must[description](t)(describedAPI())
	long := strings.Repeat("x", 60<<10)
	asked := 0
	small := func(a answer, what string) {
		t.Helper()
		asked++
		if a.status >= 400 && len(a.body) > 16<<10 {
			t.Errorf("%s: the answer, %d, has %d bytes: %.200s", what, a.status, len(a.body), a.body)
		}
	}
	for _, route := range tn.api.Server().Routes() {
		r := routeTable[route.Name]
		path, token := tn.path(route, r), tn.people["nobody"].token
		if r.right != "" {
			token = tn.people[r.right].token
		}
		operation := d.Paths.Value(route.Path).GetOperation(route.Method)
		for _, p := range operation.Parameters {
			if p.Value.In == "query" {
				small(tn.ask(route.Method, path+"?"+p.Value.Name+"="+long, token, r.body), route.Name+" "+p.Value.Name)
				small(tn.ask(route.Method, path+"?"+strings.Repeat(p.Value.Name+"=&", 5000), token, r.body), route.Name+" "+p.Value.Name)
			}
		}
		small(tn.ask(route.Method, path+"?"+long, token, r.body), route.Name)
		if operation.RequestBody == nil {
			continue
		}
		small(tn.ask(route.Method, path, token, `{"`+long+`":1}`), route.Name)
		for field := range operation.RequestBody.Value.Content.Get("application/json").Schema.Value.Properties {
			for _, value := range []string{
				`"` + long + `"`, strings.Repeat("1", 60<<10), "[" + strings.Repeat(`"",`, 20_000) + `""]`,
				`{"` + long + `":1,"` + long[:100] + `":` + strings.Repeat("1", 1000) + `}`, strings.Repeat("[", 20_000), `"\u0000"`, `"` + strings.Repeat("é", 30_000) + `"`,
			} {
				small(tn.ask(route.Method, path, token, fmt.Sprintf(`{%q:%s}`, field, value)), route.Name+" "+field+" "+value[:min(20, len(value))])
			}
		}
	}
	if asked < 300 {
		t.Errorf("asked only %d times", asked)
	}
}

// TestMillionsOfInterests checks what a profile with millions of interests costs.
func TestMillionsOfInterests(t *testing.T) {
	tn := newTown(t)
	token := tn.people["voyager"].token
	body := func(n int) string { return `{"interest_ids":[` + strings.Repeat(`"",`, n-1) + `""]}` }
	tn.ask("PUT", "/v1/me/profile", token, body(2_000_000)).refused(t, 413, "too_large")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	a := tn.ask("PUT", "/v1/me/profile", token, body(20_000))
	runtime.ReadMemStats(&after)
	a.want(t, 422)
	if errors := len(a.object(t)["errors"].([]any)); errors != fault.MaxFields || len(a.body) > 16<<10 {
		t.Errorf("the answer has %d errors and %d bytes", errors, len(a.body))
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 4<<20 {
		t.Errorf("allocated %d bytes", allocated)
	}
}
