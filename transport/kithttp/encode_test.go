package kithttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

func TestHeadHasNoBody(t *testing.T) {
	s := kithttp.NewServer()
	kithttp.Handle(s, getThing, answer[key](thing{Name: "n"}, nil))
	base, _ := serve(t, s)
	r, err := http.Head(base + "/things/a")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if b, _ := io.ReadAll(r.Body); r.StatusCode != 200 || len(b) != 0 || r.ContentLength <= 0 {
		t.Errorf("%s, %d bytes, Content-Length %d", r.Status, len(b), r.ContentLength)
	}
}

func TestAppended(t *testing.T) {
	s := kithttp.NewServer(kithttp.WithCompression(50))
	add := kithttp.Appended(func(b []byte, v *thing) ([]byte, error) {
		if v.Name == "none" {
			return append(b, "{half"...), errors.New("it has no JSON")
		}
		return append(append(append(b, `{"appended":"`...), v.Name...), `"}`...), nil
	})
	kithttp.Handle(s, getThing, func(_ context.Context, k key) (thing, error) { return thing{Name: k.ID.text}, nil }, add)
	for name, want := range map[string]struct {
		status int
		body   string
	}{
		"a": {200, `{"appended":"a"}`}, "none": {500, ""}, strings.Repeat("b", 40): {200, `{"appended":"` + strings.Repeat("b", 40) + `"}`},
	} {
		for range 3 { // with a buffer that was used before, too
			w := do(s, "GET", "/things/"+name)
			if w.Code != want.status || want.body != "" && w.Body.String() != want.body {
				t.Errorf("%s: got %d %s, want %d %s", name, w.Code, w.Body, want.status, want.body)
			}
		}
	}
	defer func() {
		if refused := fmt.Sprint(recover()); !strings.Contains(refused, "Appended") {
			t.Errorf("Appended for another response: %s", refused)
		}
	}()
	kithttp.Handle(kithttp.NewServer(), getThing, answer[key](thing{}, nil), kithttp.Appended(func(b []byte, _ *key) ([]byte, error) { return b, nil }))
}

func TestResponses(t *testing.T) {
	route := func(name string, status int) kithttp.Route[key, thing] {
		return kithttp.Route[key, thing]{Name: name, Method: "GET", Path: "/" + name + "/{id}", Status: status}
	}
	s := kithttp.NewServer()
	kithttp.Handle(s, route("plain", 0), answer[key](thing{Name: "<&>"}, nil))
	kithttp.Handle(s, route("made", 201), answer[key](thing{}, nil))
	kithttp.Handle(s, kithttp.Route[key, kithttp.None]{Name: "later", Method: "GET", Path: "/later/{id}", Status: 202},
		answer[key](kithttp.None{}, nil))
	kithttp.Handle(s, dropThing, answer[key](kithttp.None{}, nil))
	kithttp.Handle(s, kithttp.Route[key, found]{Name: "found", Method: "GET", Path: "/found/{id}"},
		func(_ context.Context, k key) (found, error) { return found{created: k.ID.text == "new"}, nil })
	kithttp.Handle(s, kithttp.Route[key, kithttp.Blob]{Name: "image", Method: "GET", Path: "/image/{id}"},
		answer[key](kithttp.Blob{ContentType: "image/png", Body: []byte("png"), Header: http.Header{"Cache-Control": {"private"}, "content-disposition": {"inline"}}}, nil))

	cases := []struct {
		method, target string
		status         int
		body           string
		header         map[string]string
	}{
		{"GET", "/plain/a", 200, `{"id":"","name":"<&>","tags":[],"note":null}`, map[string]string{"Content-Type": "application/json"}},
		{"GET", "/made/a", 201, `{"id":"","name":"","tags":[],"note":null}`, nil},
		{"GET", "/later/a", 202, "", map[string]string{"Content-Type": ""}},
		{"DELETE", "/things/a", 204, "", map[string]string{"Content-Type": ""}},
		{"GET", "/found/new", 201, `{"name":""}`, map[string]string{"Location": "/found"}},
		{"GET", "/found/old", 204, "", map[string]string{"Content-Type": ""}},
		{"GET", "/image/a", 200, "png", map[string]string{"Content-Type": "image/png", "Cache-Control": "private", "Content-Disposition": "inline"}},
	}
	for _, c := range cases {
		t.Run(c.target, func(t *testing.T) {
			w := do(s, c.method, c.target)
			if w.Code != c.status || w.Body.String() != c.body {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if _, ok := c.header["Cache-Control"]; !ok && w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("Cache-Control %q", w.Header().Get("Cache-Control"))
			}
			if w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Error("X-Content-Type-Options is not nosniff")
			}
			for name, want := range c.header {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s %q, want %q", name, got, want)
				}
			}
		})
	}
}

// found is a response that chooses its status and headers.
type found struct {
	Name    string `json:"name"`
	created bool
}

func (f found) StatusCode() int {
	if f.created {
		return http.StatusCreated
	}
	return http.StatusNoContent
}
func (f found) Headers() http.Header { return http.Header{"Location": {"/found"}} }

func TestStream(t *testing.T) {
	hooked := make(chan error, 2)
	s := kithttp.NewServer(kithttp.WithErrorHook(func(_ context.Context, _ kithttp.RouteInfo, err error) { hooked <- err }))
	proceed := make(chan struct{})
	route := kithttp.Route[key, kithttp.Stream]{Name: "events", Method: "GET", Path: "/events/{id}"}
	kithttp.Handle(s, route, func(_ context.Context, k key) (kithttp.Stream, error) {
		if k.ID.text == "none" {
			return kithttp.Stream{}, fault.New(fault.NotFound, "no_events", "none")
		}
		return kithttp.Stream{ContentType: "text/event-stream", Header: http.Header{"X-Stream": {"1"}},
			Write: func(ctx context.Context, w http.ResponseWriter) error {
				switch k.ID.text {
				case "late":
					return fault.New(fault.Conflict, "too_late", "too late")
				case "panics first":
					panic("secret")
				case "empty":
					return nil
				}
				io.WriteString(w, "one")
				if err := http.NewResponseController(w).Flush(); err != nil {
					return err
				}
				<-proceed
				switch k.ID.text {
				case "breaks":
					return errors.New("broken")
				case "is refused":
					return fault.New(fault.Unauthenticated, "signed_out", "signed out")
				case "panics":
					panic("secret")
				}
				_, err := io.WriteString(w, "two")
				return err
			}}, nil
	})
	_, c := serve(t, s)
	for _, id := range []string{"fine", "is refused", "breaks", "panics"} {
		t.Run(id, func(t *testing.T) {
			r, err := c.Open(t.Context(), route.Info(), key{ID: label{id}})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Body.Close()
			first := make([]byte, 3)
			if _, err := io.ReadFull(r.Body, first); err != nil || string(first) != "one" {
				t.Fatalf("%q, %v", first, err)
			}
			if r.Header.Get("Content-Type") != "text/event-stream" || r.Header.Get("X-Stream") != "1" {
				t.Errorf("header %v", r.Header)
			}
			proceed <- struct{}{}
			rest, err := io.ReadAll(r.Body)
			if id == "fine" {
				if string(rest) != "two" || err != nil {
					t.Errorf("%q, %v", rest, err)
				}
				return
			}
			if err == nil || len(rest) > 0 {
				t.Errorf("%q, %v", rest, err)
			}
			if id == "is refused" { // the next error that the hook gets is another one
				return
			}
			if err := <-hooked; err == nil || strings.Contains(err.Error(), "signed out") || !strings.Contains(err.Error(), "stream of events") {
				t.Errorf("the error hook got %v", err)
			}
		})
	}
	if _, err := c.Open(t.Context(), route.Info(), key{ID: label{"none"}}); !errors.Is(err, fault.NotFound) {
		t.Errorf("got %v, want fault.NotFound", err)
	}
	_, err := c.Open(t.Context(), route.Info(), key{ID: label{"late"}})
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != "too_late" || f.Kind != fault.Conflict {
		t.Errorf("got %v, want too_late", err)
	}
	if w := do(s, "GET", "/events/panics%20first"); w.Code != 500 || w.Header().Get("X-Stream") != "" || <-hooked == nil {
		t.Errorf("got %d %v %s, want a problem document", w.Code, w.Header(), w.Body)
	}
	if w := do(s, "GET", "/events/empty"); w.Code != 200 || w.Header().Get("X-Stream") != "1" || w.Body.Len() != 0 {
		t.Errorf("an empty stream: %d %s", w.Code, w.Body)
	}
	if w := do(s, "HEAD", "/events/fine"); w.Code != 200 || w.Body.Len() != 0 {
		t.Errorf("HEAD: %d %s", w.Code, w.Body)
	}
	if _, err := kithttp.Call(t.Context(), c, route, key{}); err == nil {
		t.Error("Call accepted a stream")
	}
}
