package kithttp

import (
	"context"
	"fmt"
	"net/url"

	"github.com/go-kit/kit/endpoint"
	kit "github.com/go-kit/kit/transport/http"
)

// Option is an option of [NewServer].
type Option func(*Server)

// WithInfo sets the title, version and description of the OpenAPI document. The description may be
// Markdown.
func WithInfo(title, version, description string) Option {
	return func(s *Server) { s.api.title, s.api.version, s.api.description = title, version, description }
}

// WithLicense sets the license of the OpenAPI document, an SPDX identifier such as MIT.
func WithLicense(identifier string) Option {
	return func(s *Server) { s.api.license = identifier }
}

// WithBearer declares a security scheme, an "Authorization: Bearer" header, that routes refer to by
// name. The scheme is documentation only: a [Gate] must check the token. Every 401 then has the
// header "WWW-Authenticate: Bearer".
func WithBearer(name, description string) Option {
	return func(s *Server) { s.api.bearers = append(s.api.bearers, bearer{name, description}) }
}

// WithHeaders declares headers that every response has. It is documentation only: the server does
// not set them.
func WithHeaders(headers ...Header) Option {
	return func(s *Server) { s.api.headers = append(s.api.headers, headers...) }
}

// WithBasePath sets the path below which clients reach the server, if it is not the root: for
// example /community. Something in front of the server, like http.StripPrefix or a proxy, must
// remove it from the path of each request. The server puts it in front of the paths in redirects,
// and names it in the OpenAPI document. The path must be one that [CheckBasePath] accepts.
func WithBasePath(path string) Option { return func(s *Server) { s.basePath = path } }

// CheckBasePath returns an error unless the path can be the base path of a server: "" for the root,
// or a path that begins with a slash and does not end with one, has no segment that is empty, "."
// or "..", and has no characters that a URL escapes.
func CheckBasePath(p string) error {
	if p != "" && (p == "/" || !isClean(p+"/") || (&url.URL{Path: p}).EscapedPath() != p) {
		return fmt.Errorf("kithttp: base path %q: must be empty, or like /community or /a/b", p)
	}
	return nil
}

// WithBodyLimit sets the greatest number of bytes of a request's body, which must be above 0. The
// default is [DefaultBodyLimit]. A route may set its own limit. If a route without JSON fields sets
// none, its limit is at most 1 KiB.
func WithBodyLimit(bytes int64) Option { return func(s *Server) { s.bodyLimit = bytes } }

// WithMiddleware wraps the endpoint of every route, outside of the route's own middleware. The
// first is the outermost. See [Handle].
func WithMiddleware(mw ...endpoint.Middleware) Option {
	return func(s *Server) { s.middleware = append(s.middleware, mw...) }
}

// WithoutRoutes leaves out routes: for each name, [Handle] does not add the first route that has
// it. Another route may then have the name and the path.
func WithoutRoutes(names ...string) Option {
	return func(s *Server) {
		for _, name := range names {
			s.without[name] = true
		}
	}
}

// WithErrorHook sets a function that can log errors. It is called with every error that is answered
// with a 5xx, or would be if its [Stream] had not begun, with its cause, and with every panic (a
// [*PanicError]). It is not called for a request that the client has canceled. RouteInfo is zero
// for a plain handler.
func WithErrorHook(hook func(context.Context, RouteInfo, error)) Option {
	return func(s *Server) { s.hook = hook }
}

// WithProblemHook sets a function that is called with every problem document that is sent.
func WithProblemHook(hook func(context.Context, Problem)) Option {
	return func(s *Server) { s.problems = hook }
}

// WithBefore adds functions that run before the gates of every route. They may add values to the
// context.
func WithBefore(before ...kit.RequestFunc) Option {
	return func(s *Server) { s.before = append(s.before, before...) }
}

// WithAfter adds functions that run when the endpoint of a route has returned a response and no
// error, before the response is written. They get the context that the gates returned, and may set
// headers.
func WithAfter(after ...kit.ServerResponseFunc) Option {
	return func(s *Server) { s.after = append(s.after, after...) }
}
