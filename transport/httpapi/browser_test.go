package httpapi_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// TestCORS checks what scripts of other origins may do: nothing by default, and everything but
// credentials if their origin is configured.
func TestCORS(t *testing.T) {
	const app, evil = "https://app.example.org", "https://evil.example.org"
	w := newWorld(t)
	for _, origins := range [][]string{nil, {"http://localhost:3000", app}} {
		w.serve(func(o *httpapi.Options) { o.Origins = origins })
		for _, c := range []struct {
			method, origin string
			status         int // of a configured API
		}{
			{"GET", app, 200}, {"GET", evil, 200}, {"GET", "null", 200}, {"GET", app + ".evil.example.org", 200}, {"GET", "", 200},
			{"OPTIONS", app, 204}, {"OPTIONS", evil, 405}, {"OPTIONS", "", 405},
		} {
			headers := []string{"Origin", c.origin}
			if c.method == "OPTIONS" {
				headers = append(headers, "Access-Control-Request-Method", "PATCH")
				if origins == nil {
					c.status = 405
				}
			}
			h := w.ask(c.method, "/v1/policy", "", "", headers...).want(t, c.status).header
			allowed := origins != nil && c.origin == app
			if got := h.Get("Access-Control-Allow-Origin"); got != "" && got != app || (got != "") != allowed {
				t.Errorf("%v: %s from %q: allowed for %q", origins, c.method, c.origin, got)
			}
			if h.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s from %q: credentials are allowed", c.method, c.origin)
			}
			if origins != nil && !strings.Contains(strings.Join(h.Values("Vary"), ","), "Origin") {
				t.Errorf("%s from %q: Vary is %q", c.method, c.origin, h.Values("Vary"))
			}
			if allowed && c.method == "OPTIONS" && (!strings.Contains(h.Get("Access-Control-Allow-Methods"), "PATCH") ||
				!strings.Contains(h.Get("Access-Control-Allow-Headers"), "Idempotency-Key") || h.Get("Access-Control-Max-Age") == "") {
				t.Errorf("the answer to the preflight is %v", h)
			}
			if allowed && c.method == "GET" && !strings.Contains(h.Get("Access-Control-Expose-Headers"), "Idempotency-Replayed") {
				t.Errorf("a script can read %q", h.Get("Access-Control-Expose-Headers"))
			}
		}
	}
	w.ask("OPTIONS", "/v1/policy", "", "", "Origin", app).want(t, 405) // no preflight
}

func TestOrigins(t *testing.T) {
	for origin, ok := range map[string]bool{
		"https://app.example.org": true, "http://localhost:3000": true, "http://[::1]:3000": true,
		"*": false, "null": false, "": false, "app.example.org": false, "https://app.example.org/": false, "https://App.example.org": false,
		"ftp://app.example.org": false, "https://ada@app.example.org": false, "https://app.example.org?x": false, "https://": false,
	} {
		if err := httpapi.CheckOrigin(origin); (err == nil) != ok {
			t.Errorf("%q: got %v", origin, err)
		}
	}
	w := newWorld(t)
	defer func() {
		if recover() == nil {
			t.Error("New took an origin that is not valid")
		}
	}()
	httpapi.New(w.services, httpapi.Options{Origins: []string{"*"}})
}

// TestCompression checks that long JSON is compressed for those who accept it, and that neither
// images nor responses with tokens are.
func TestCompression(t *testing.T) {
	tn := newTown(t)
	ada := tn.people["voyager"]
	tn.ask("PATCH", "/v1/me", ada.token, `{"bio":"`+strings.Repeat("I walk. ", 200)+`"}`).want(t, 200)
	unpacked := func(a answer) string {
		if a.header.Get("Content-Encoding") != "gzip" {
			return a.body
		}
		z := must[*gzip.Reader](t)(gzip.NewReader(strings.NewReader(a.body)))
		return string(must[[]byte](t)(io.ReadAll(z)))
	}
	raw := func(path string, headers ...string) answer {
		return tn.ask("GET", path, ada.token, "", headers...).want(t, 200)
	}
	for _, c := range []struct {
		path, accept string
		want         bool
	}{
		{"/v1/me", "gzip, deflate, br", true}, {"/v1/me", "", false}, {"/v1/me", "br", false}, {"/v1/me", "gzip;q=0", false},
		{"/v1/me", "GZIP;q=0.5", true}, {"/v1/me", "*", true}, {"/v1/me", "*, gzip;q=0", false}, {"/v1/me", "gzip;q=x", false},
		{"/v1/wallet", "gzip", false}, {"/openapi.json", "gzip", true}, {"/v1/me/export", "gzip", false},
	} {
		plain, a := raw(c.path), raw(c.path, "Accept-Encoding", c.accept)
		if got := a.header.Get("Content-Encoding") == "gzip"; got != c.want {
			t.Errorf("%s for %q: compressed %v, want %v", c.path, c.accept, got, c.want)
		}
		if c.path != "/v1/me/export" && unpacked(a) != plain.body {
			t.Errorf("%s for %q: got %q, want %q", c.path, c.accept, unpacked(a), plain.body)
		}
		if c.want && len(a.body) >= len(plain.body) {
			t.Errorf("%s: %d bytes, and without compression %d", c.path, len(a.body), len(plain.body))
		}
	}

	// Every route whose response has a secret beside what the caller has written.
	local := tn.people["local"]
	var secret string // of the second factor of local
	var hook string   // the id of a webhook
	found := map[string]int{}
	for _, route := range tn.api.Server().Routes() {
		if !route.Secret {
			continue
		}
		path, token, body, schema, field := route.Path, "", "", "SignedIn", "access_token"
		switch route.Name {
		case "logIn":
			body = `{"email":"` + ada.email + `","password":"` + password + `"}`
		case "refresh":
			body = `{"refresh_token":"` + ada.refresh + `"}`
		case "signUp":
			body = `{"name":"` + strings.Repeat("ä", 100) + `","email":"long@example.org","password":"` + password + `"}`
		case "setUpSecondFactor":
			token, body, schema, field = local.token, `{"password":"`+password+`"}`, "Enrolment", "secret"
		case "confirmSecondFactor":
			token, body, schema, field = local.token, `{"code":"`+tn.code(secret)+`"}`, "RecoveryCodes", "recovery_codes"
		case "createWebhook":
			token, body, schema, field = tn.people["admin"].token, `{"url":"https://example.org/`+strings.Repeat("a", 1000)+`"}`, "WebhookWithSecret", "secret"
		case "rotateWebhook":
			path, token, schema, field = inPath(hook, route), tn.people["admin"].token, "WebhookWithSecret", "secret"
		}
		found[schema]++
		a := tn.ask(route.Method, path, token, body, "Accept-Encoding", "gzip").want(t, route.Status)
		value, has := a.object(t)[field]
		if a.header.Get("Content-Encoding") != "" || !has {
			t.Errorf("%s: got %v %q", route.Name, a.header, a.body)
		}
		switch route.Name {
		case "setUpSecondFactor":
			secret = value.(string)
		case "createWebhook":
			hook = a.object(t)["id"].(string)
		}
	}
	document := must[[]byte](t)(tn.client.OpenAPI(tn.ctx))
	for _, schema := range []string{"SignedIn", "Enrolment", "RecoveryCodes", "WebhookWithSecret"} {
		if n := strings.Count(string(document), "/"+schema+`"`); n != found[schema] || n == 0 {
			t.Errorf("%d routes with a %s are secret, and %d responses have one", found[schema], schema, n)
		}
	}
}

func TestWithoutDocs(t *testing.T) {
	w := newWorld(t, func(o *httpapi.Options) { o.NoDocs = true })
	for _, path := range []string{"/docs", "/docs/", "/docs/page.js", "/docs/swagger-ui.css"} {
		w.ask("GET", path, "", "").want(t, http.StatusNotFound)
	}
	w.ask("GET", "/openapi.json", "", "").want(t, http.StatusOK)
}
