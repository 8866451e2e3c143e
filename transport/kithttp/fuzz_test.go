package kithttp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"unicode/utf8"

	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// FuzzDecode checks that every body is either accepted, or refused with a problem document of
// status 400, 413 or 422. An accepted body must be JSON with the required fields, and its text
// valid UTF-8.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{` + whole + `}`, `{}`, ``, `null`, `[`, `{"name":null}`, `{"name":"\ud800"}`, "{\"name\":\"\xff\"}",
		`{` + whole + `,"bio":null,"items":[{"name":"a"},{}],"flags":{"a":true},"extra":[{"a":1,"a":1}]}`,
		`{` + whole + `,"cost":"x","tag":"T","at":"2026-01-02T03:04:05Z","data":"aGVsbG8=","counts":{"a":256}}`,
	} {
		f.Add([]byte(seed), "dry=true")
	}
	f.Add([]byte(`{`+whole+`}`), "dry=%zz&&=;")
	var seen *rename
	s := kithttp.NewServer(kithttp.WithErrorHook(func(_ context.Context, _ kithttp.RouteInfo, err error) { panic(err) }))
	kithttp.Handle(s, renameThing, func(_ context.Context, r rename) (thing, error) {
		seen = &r
		return thing{ID: r.ID, Name: r.Name}, nil
	})
	f.Fuzz(func(t *testing.T, body []byte, query string) {
		seen = nil
		r := httptest.NewRequest(http.MethodPost, "/things/a", bytes.NewReader(body))
		r.URL = &url.URL{Path: "/things/a", RawQuery: query}
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code == http.StatusOK {
			var m map[string]any
			if err := json.Unmarshal(body, &m); err != nil || m["name"] == nil || m["size"] == nil {
				t.Fatalf("%q was accepted (%v)", body, err)
			}
			if seen == nil || !utf8.ValidString(seen.Name) {
				t.Fatalf("%q was decoded as %+v", body, seen)
			}
			return
		}
		var p kithttp.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Status != w.Code || seen != nil {
			t.Fatalf("%q: %d %s", body, w.Code, w.Body)
		}
		if w.Code != 400 && w.Code != 422 && w.Code != 413 {
			t.Fatalf("%q: %d %s", body, w.Code, w.Body)
		}
	})
}

// BenchmarkServeHTTP measures one request with a small body, without a network.
func BenchmarkServeHTTP(b *testing.B) {
	s := kithttp.NewServer()
	kithttp.Handle(s, renameThing, func(_ context.Context, r rename) (thing, error) {
		return thing{ID: r.ID, Name: r.Name}, nil
	})
	body := []byte(`{` + whole + `,"items":[{"name":"a","count":1}]}`)
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/things/a?dry=true", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
}
