package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// TestPathsBeginWithBasePath mounts an API below a path of a host's mux. It checks that each path
// in a response begins with the base path, and that a request to it succeeds.
func TestPathsBeginWithBasePath(t *testing.T) {
	for _, base := range []string{"", "/community", "/a/b"} {
		t.Run("at "+base+"/", func(t *testing.T) {
			tn := newTown(t, func(o *httpapi.Options) { o.BasePath = base })
			tn.api.Server().HandleHTTP("GET /tree/", http.NotFoundHandler())
			mux := http.NewServeMux()
			mux.Handle(base+"/", http.StripPrefix(base, tn.api))
			token := tn.people["voyager"].token
			get := func(path string, status int) *http.Response {
				t.Helper()
				r := requestOf(t, "GET", path, "")
				r.Header.Set("Authorization", "Bearer "+token)
				response, err := direct{mux}.RoundTrip(r)
				if err != nil || response.StatusCode != status {
					t.Fatalf("GET %s: got %d, %v, want %d", path, response.StatusCode, err, status)
				}
				return response
			}

			image := tn.words.Replace(base + "/v1/messages/{message}/attachment")
			if got := get(image, 200).Header.Get("Content-Type"); got != "image/png" {
				t.Errorf("%s has the type %s", image, got)
			}
			for path, find := range map[string]func(map[string]any) any{
				"/v1/conversations": func(o map[string]any) any { return first(o)["last_message"].(map[string]any)["attachment"] },
				tn.words.Replace("/v1/conversations/{conversation}"): func(o map[string]any) any {
					return o["last_message"].(map[string]any)["attachment"]
				},
				tn.words.Replace("/v1/conversations/{conversation}/messages"): func(o map[string]any) any { return first(o)["attachment"] },
			} {
				if got := find(decoded(t, get(base+path, 200))); got != image {
					t.Errorf("%s has the attachment %v, want %s", path, got, image)
				}
			}
			body := must[[]byte](t)(json.Marshal(map[string]string{"attachment": dataURL("image/png", picture(t, 1, 1))}))
			sent := tn.ask("POST", tn.words.Replace("/v1/conversations/{conversation}/messages"), token, string(body)).want(t, 201).object(t)
			get(sent["attachment"].(string), 200)

			servers := decoded(t, get(base+"/openapi.json", 200))["servers"].([]any)
			want := base
			if base == "" {
				want = "/"
			}
			if len(servers) != 1 || servers[0].(map[string]any)["url"] != want {
				t.Errorf("got the servers %v, want %s", servers, want)
			}

			for from, to := range map[string]string{"/docs/": "/docs", "/tree?a=b": "/tree/?a=b"} {
				r := requestOf(t, "GET", base+from, "")
				redirect := must[*http.Response](t)(direct{mux}.RoundTrip(r))
				if got := redirect.Header.Get("Location"); redirect.StatusCode < 300 || redirect.StatusCode > 399 || got != base+to {
					t.Errorf("%s redirects with %d to %s, want %s", from, redirect.StatusCode, got, base+to)
				}
			}
			page := &url.URL{Path: base + "/docs"}
			get(page.Path, 200)
			for _, relative := range []string{"openapi.json", "docs/page.js", "docs/swagger-ui.css"} {
				get(must[*url.URL](t)(page.Parse(relative)).Path, 200)
			}
		})
	}
}

func first(list map[string]any) map[string]any { return list["items"].([]any)[0].(map[string]any) }

func decoded(t *testing.T, r *http.Response) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestBasePathIsChecked(t *testing.T) {
	for _, good := range []string{"", "/community", "/a/b", "/a-1/~b"} {
		if err := kithttp.CheckBasePath(good); err != nil {
			t.Error(err)
		}
	}
	services := newWorld(t).services
	for _, bad := range []string{"/", "community", "/community/", "//community", "/a//b", "/a/../b", "/a/.", "/a b", "/ä", "/a%20b", "/a?b", "/{id}", "https://host"} {
		if err := kithttp.CheckBasePath(bad); err == nil {
			t.Errorf("the base path %q is accepted", bad)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("New accepted the base path %q", bad)
				}
			}()
			httpapi.New(services, httpapi.Options{BasePath: bad})
		}()
	}
}
