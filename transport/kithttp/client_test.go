package kithttp_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

var everythingRoute = kithttp.Route[everything, thing]{
	Name: "everything", Method: http.MethodPut, Path: "/all/{id}/{index}/{uid}/{kind}",
}

func TestCallCarriesEverything(t *testing.T) {
	var got everything
	s := kithttp.NewServer()
	kithttp.Handle(s, everythingRoute, func(_ context.Context, r everything) (thing, error) {
		got = r
		return thing{ID: r.ID, Name: "ü<", Tags: []string{"x"}, Extra: jsontext.Value(`{"a":1.50}`)}, nil
	})
	_, c := serve(t, s)

	at := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
	minimal := everything{
		ID: label{"a"}, Kind: "k", UID: uid{'u'}, Must: "", Name: "n",
		Items: []item{}, ByName: map[string]int{}, Data: []byte{},
	}
	full := everything{
		ID: label{"a/b ü?{index}"}, Index: -5, UID: uid{'u', '%'}, Kind: "..",
		paging: paging{Limit: new(7), Cursor: "a&b=c+d %"},
		Flag:   new(false), Tags: []string{"a", "", "a"}, Labels: []label{{"x"}, {"y"}}, Numbers: []int{1, -2},
		Since: &at, Price: &price{"12"}, Must: "ü", Key: new("k"), Version: 3,
		Name: "n\u2028<", Note: new(""), Role: new(status("r")), Count: -1, Small: 255, Ratio: 1.5, Ready: true,
		Cost: price{"1"}, Tag: label{"t"}, At: &at, Items: []item{{Name: "i", Count: 1 << 60}}, First: &item{Name: "f"},
		ByName: map[string]int{"a": 1}, Data: []byte("data"), Extra: jsontext.Value(`[1,null]`),
		Bio: kithttp.Null[string](), Nested: kithttp.Some(item{Name: "o"}), Fixed: kithttp.Some(0),
	}
	for _, sent := range []everything{minimal, full} {
		answer, err := kithttp.Call(t.Context(), c, everythingRoute, sent)
		if err != nil {
			t.Fatalf("%v: %+v", err, sent)
		}
		if !reflect.DeepEqual(got, sent) {
			t.Errorf("the handler got\n%+v, want\n%+v", got, sent)
		}
		if answer.ID != sent.ID || answer.Name != "ü<" || string(answer.Extra) != `{"a":1.50}` || answer.Note != nil {
			t.Errorf("got the response %+v", answer)
		}
	}
}

func TestCallKindsOfResponse(t *testing.T) {
	s := kithttp.NewServer()
	image := kithttp.Route[key, kithttp.Blob]{Name: "image", Method: "GET", Path: "/image/{id}"}
	kithttp.Handle(s, image, answer[key](kithttp.Blob{ContentType: "image/png", Body: []byte{0, 1}, Header: http.Header{"Etag": {"e"}}}, nil))
	kithttp.Handle(s, dropThing, answer[key](kithttp.None{}, nil))
	kithttp.Handle(s, list, answer[listThings](page[thing]{Items: []thing{{Name: "n"}}, Next: "c"}, nil))
	maybe := kithttp.Route[key, found]{Name: "found", Method: "GET", Path: "/found/{id}"}
	kithttp.Handle(s, maybe, answer[key](found{}, nil))
	_, c := serve(t, s)

	if _, err := kithttp.Call(t.Context(), c, maybe, key{ID: label{"a"}}); err != nil {
		t.Errorf("204 for a response that may have content: %v", err)
	}
	blob, err := kithttp.Call(t.Context(), c, image, key{ID: label{"a"}})
	if err != nil || blob.ContentType != "image/png" || string(blob.Body) != "\x00\x01" || blob.Header.Get("Etag") != "e" {
		t.Errorf("%+v, %v", blob, err)
	}
	if _, err := kithttp.Call(t.Context(), c, dropThing, key{ID: label{"a"}}); err != nil {
		t.Error(err)
	}
	things, err := kithttp.Call(t.Context(), c, list, listThings{})
	if err != nil || len(things.Items) != 1 || things.Next != "c" {
		t.Errorf("%+v, %v", things, err)
	}
}

func TestCallReturnsFaults(t *testing.T) {
	kinds := []fault.Kind{
		fault.Unauthenticated, fault.Forbidden, fault.TooLarge, fault.UnsupportedMedia, fault.Malformed, fault.Invalid,
		fault.NotFound, fault.Conflict, fault.InsufficientTokens, fault.TooManyRequests, fault.Unavailable, fault.Unimplemented,
	}
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			sent := fault.New(kind, "the_code", "the detail")
			sent.Fields = []fault.Field{{Name: "a", Message: "b"}}
			sent.RetryAfter = 3 * time.Second
			s := kithttp.NewServer()
			kithttp.Handle(s, getThing, answer[key](thing{}, fmt.Errorf("get: %w", sent.Wrap(errors.New("secret")))))
			_, c := serve(t, s)
			_, err := kithttp.Call(t.Context(), c, getThing, key{ID: label{"a"}})
			if !errors.Is(err, kind) || !errors.Is(err, sent) || errors.Is(err, fault.New(kind, "other", "")) {
				t.Errorf("%v", err)
			}
			if got, ok := errors.AsType[*fault.Error](err); !ok || !reflect.DeepEqual(got, sent) {
				t.Errorf("%+v", got)
			}
		})
	}
	if status := kithttp.StatusOf(fault.Internal); kithttp.KindOf(status) != fault.Internal || status != 500 {
		t.Errorf("fault.Internal has the status %d", status)
	}
}

func TestCallUnexpectedResponses(t *testing.T) {
	cases := map[string]struct {
		status      int
		media, body string
		kind        fault.Kind
		retry       time.Duration
	}{
		"a gateway's error":    {502, "text/html", "<html>", fault.Unavailable, 7 * time.Second},
		"a gateway's time-out": {504, "text/html", "", fault.Unavailable, 7 * time.Second},
		"another 5xx":          {507, "text/html", "", fault.Internal, 7 * time.Second},
		"another 4xx":          {418, "text/plain", "tea", fault.Malformed, 7 * time.Second},
		"a 304":                {304, "", "", fault.Internal, 7 * time.Second},
		"an invalid problem":   {404, "application/problem+json", "{", fault.Internal, 0},
		"invalid JSON":         {200, "application/json", "{", fault.Internal, 0},
		"another media type":   {200, "text/html", "{}", fault.Internal, 0},
		"a too large response": {200, "application/json", `{"name":"` + strings.Repeat("x", 1000) + `"}`, fault.TooLarge, 0},
		"a too large problem":  {404, "application/problem+json", strings.Repeat(" ", 1001), fault.TooLarge, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, client := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.media)
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			}), kithttp.WithAnswerLimit(1000))
			_, err := kithttp.Call(t.Context(), client, getThing, key{ID: label{"a"}})
			f, ok := errors.AsType[*fault.Error](err)
			if !ok || f.Kind != c.kind || f.RetryAfter != c.retry || f.Detail == "" {
				t.Errorf("%#v", err)
			}
		})
	}
}

func TestCallRetryAfterDate(t *testing.T) {
	_, client := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		w.WriteHeader(503)
	}))
	_, err := kithttp.Call(t.Context(), client, getThing, key{ID: label{"a"}})
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.RetryAfter < 50*time.Minute {
		t.Errorf("%v", err)
	}
}

func TestCallUnreachableAndCanceled(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	c, err := kithttp.NewClient(gone.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kithttp.Call(t.Context(), c, getThing, key{ID: label{"a"}}); !errors.Is(err, fault.Unavailable) {
		t.Errorf("a closed server: %v", err)
	}

	entered := make(chan struct{})
	s := kithttp.NewServer()
	kithttp.Handle(s, getThing, func(ctx context.Context, _ key) (thing, error) {
		close(entered)
		<-ctx.Done()
		return thing{}, ctx.Err()
	})
	_, c = serve(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-entered; cancel() }()
	if _, err := kithttp.Call(ctx, c, getThing, key{ID: label{"a"}}); !errors.Is(err, context.Canceled) || errors.Is(err, fault.Unavailable) {
		t.Errorf("canceled: %v", err)
	}
	late, stop := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer stop()
	if _, err := kithttp.Call(late, c, getThing, key{ID: label{"a"}}); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, fault.Unavailable) {
		t.Errorf("a passed deadline: %v", err)
	}
}

func TestCallRefusesToSend(t *testing.T) {
	c, err := kithttp.NewClient("http://localhost:1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kithttp.Call(t.Context(), c, getThing, key{}); !errors.Is(err, fault.Invalid) {
		t.Errorf("an empty path parameter: %v", err)
	}
	wrong := kithttp.Route[key, thing]{Name: "x", Method: "GET", Path: "/{other}"}
	for range 2 {
		if _, err := kithttp.Call(t.Context(), c, wrong, key{}); err == nil || errors.Is(err, fault.Unavailable) {
			t.Errorf("a wrong route: %v", err)
		}
	}
	type within struct{ A int }
	type strange struct {
		Within []within `json:"within"`
	}
	for range 2 {
		bad := kithttp.Route[strange, thing]{Name: "x", Method: "POST", Path: "/x"}
		if _, err := kithttp.Call(t.Context(), c, bad, strange{}); err == nil || errors.Is(err, fault.Unavailable) {
			t.Errorf("a request type that is not valid: %v", err)
		}
	}
	if _, err := kithttp.Call(t.Context(), c, renameThing, rename{ID: label{"a"}, Name: "\xff"}); err == nil || errors.Is(err, fault.Unavailable) {
		t.Errorf("text that is not UTF-8: %v", err)
	}
}

func TestRequestHooksAndBase(t *testing.T) {
	var path, auth string
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, auth = r.URL.EscapedPath(), r.Header.Get("Authorization")
		w.WriteHeader(204)
	}))
	defer h.Close()
	type token struct{}
	c, err := kithttp.NewClient(h.URL+"/a%2Fb/", kithttp.WithRequestHook(func(ctx context.Context, r *http.Request) {
		r.Header.Set("Authorization", fmt.Sprint("Bearer ", ctx.Value(token{})))
	}))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithValue(t.Context(), token{}, "secret")
	if _, err := kithttp.Call(ctx, c, dropThing, key{ID: label{"x y"}}); err != nil {
		t.Fatal(err)
	}
	if path != "/a%2Fb/things/x%20y" || auth != "Bearer secret" {
		t.Errorf("got the path %s and the Authorization %q", path, auth)
	}
}

func TestCallOmitsZeroParameters(t *testing.T) {
	_, c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" || r.Header.Get("Content-Type") != "" || len(r.Header["Idempotency-Key"]) > 0 {
			t.Errorf("sent %q, %v", r.URL.RawQuery, r.Header)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"items":[],"added_later":true}`)
	}))
	if _, err := kithttp.Call(t.Context(), c, list, listThings{}); err != nil {
		t.Error(err)
	}
}

func TestNewClientRefuses(t *testing.T) {
	for _, base := range []string{"", "localhost:80", "ftp://host", "http://", "http://host?x=1", "http://host#x", "http://\x00"} {
		if _, err := kithttp.NewClient(base); err == nil {
			t.Errorf("%q was accepted", base)
		}
	}
	if _, err := kithttp.NewClient("http://host", kithttp.WithAnswerLimit(0)); err == nil {
		t.Error("an answer limit of 0 was accepted")
	}
	if _, err := kithttp.NewClient("http://host", kithttp.WithHTTPClient(nil)); err == nil {
		t.Error("a nil HTTP client was accepted")
	}
}
