package httpapi

import (
	"context"
	_ "embed"
	"net/http"
	"sync"

	"github.com/swaggest/swgui/v5emb"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

var openAPI = kithttp.Route[kithttp.None, kithttp.Blob]{
	Name: "openapi", Method: http.MethodGet, Path: "/openapi.json", Summary: "Get this document",
	Tags: tagHealth, Media: []string{"application/json"}, Faults: []*fault.Error{edge.ErrBodiesBusy, edge.ErrBodyShare},
}

var (
	//go:embed docs/page.html
	docsPage []byte
	//go:embed docs/page.js
	docsScript []byte
)

// docsPolicy allows the page to load from and to call this server only. Inline styles are allowed
// because the drawings of Swagger UI have them.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// serveDocument serves the OpenAPI document. It is made at the first request, so it has the routes
// that a host has added.
func (a *API) serveDocument() {
	document := sync.OnceValues(a.server.OpenAPI)
	anyone(a, edge.Cheap, openAPI, func(context.Context, kithttp.None) (kithttp.Blob, error) {
		b, err := document()
		return kithttp.Blob{ContentType: "application/json", Body: b}, err
	})
}

// serveDocs serves a page that shows the OpenAPI document. The assets of the page are embedded, and
// it loads nothing from other servers.
func (a *API) serveDocs() {
	a.server.HandleHTTP("GET /docs", docsFile("text/html; charset=utf-8", docsPage))
	a.server.HandleHTTP("GET /docs/page.js", docsFile("text/javascript; charset=utf-8", docsScript))
	a.server.HandleHTTP("GET /docs/{$}", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", a.basePath+"/docs") // not by http.Redirect, which does not add the base path
		w.WriteHeader(http.StatusMovedPermanently)
	}))
	assets := v5emb.New("Cicerone", "openapi.json", "/docs")
	for _, name := range []string{"swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"} {
		a.server.HandleHTTP("GET /docs/"+name, assets)
	}
}

func docsFile(contentType string, content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Security-Policy", docsPolicy)
		w.Header().Set("Cache-Control", "no-cache")
		w.Write(content)
	}
}
