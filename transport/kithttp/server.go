package kithttp

import (
	"context"
	"net/http"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/go-kit/kit/endpoint"
	kit "github.com/go-kit/kit/transport/http"
)

// DefaultBodyLimit is how many bytes of a request's body a server takes unless told otherwise: 8 MiB.
const DefaultBodyLimit = 8 << 20

// Server serves routes and plain handlers from one http.ServeMux, and answers unknown paths and methods
// with problem documents. Add all routes first; after that it may be used by many goroutines.
type Server struct {
	mux    *http.ServeMux
	routes []operation
	api    apiInfo

	bodyLimit  int64
	middleware []endpoint.Middleware
	before     []kit.RequestFunc
	hook       func(context.Context, RouteInfo, error)
}

// Option sets something of a new server.
type Option func(*Server)

// WithInfo sets what the OpenAPI document says of the whole; the description may be Markdown.
func WithInfo(title, version, description string) Option {
	return func(s *Server) { s.api.title, s.api.version, s.api.description = title, version, description }
}

// WithBearer declares a security scheme, an "Authorization: Bearer" header, that routes refer to by name.
// It documents: checking the token is the work of a middleware. Every 401 then says "WWW-Authenticate: Bearer".
func WithBearer(name, description string) Option {
	return func(s *Server) { s.api.bearers = append(s.api.bearers, bearer{name, description}) }
}

// WithBodyLimit sets how many bytes a request's body may have, [DefaultBodyLimit] if not given.
// It must be above 0. A route may set its own.
func WithBodyLimit(bytes int64) Option { return func(s *Server) { s.bodyLimit = bytes } }

// WithMiddleware wraps every route, outside of the route's own middleware; the first is the outermost.
// The request that a middleware sees is the *http.Request, not yet decoded; see [Handle].
func WithMiddleware(mw ...endpoint.Middleware) Option {
	return func(s *Server) { s.middleware = append(s.middleware, mw...) }
}

// WithErrorHook is told of every error that is answered with a 5xx, with its cause, and of every panic (a
// [*PanicError]): for a log. It is not told of a request given up by its client. RouteInfo is zero for a
// plain handler.
func WithErrorHook(hook func(context.Context, RouteInfo, error)) Option {
	return func(s *Server) { s.hook = hook }
}

// WithBefore runs functions before each route's middleware, which may add to the context.
func WithBefore(before ...kit.RequestFunc) Option {
	return func(s *Server) { s.before = append(s.before, before...) }
}

// NewServer makes a server without routes.
func NewServer(opts ...Option) *Server {
	s := &Server{
		mux:       http.NewServeMux(),
		bodyLimit: DefaultBodyLimit,
		hook:      func(context.Context, RouteInfo, error) {},
	}
	for _, opt := range opts {
		opt(s)
	}
	if s.bodyLimit <= 0 {
		panic("kithttp: the body limit must be above 0")
	}
	return s
}

// Handle adds a route to a server. The middleware of the route runs inside that of the server, the first
// given outermost; after it, the request is decoded and h is called. So a middleware receives the
// *http.Request as request (also [RequestFrom] the context), and what h returned as response; it refuses
// with a *fault.Error. What it adds to the context reaches h.
//
// Handle panics where the route contradicts itself or another one, as http.ServeMux does.
func Handle[Req, Resp any](s *Server, r Route[Req, Resp], h func(context.Context, Req) (Resp, error), mw ...endpoint.Middleware) {
	shape, err := r.check()
	if err != nil {
		panic(err.Error())
	}
	info := r.Info()
	if slices.ContainsFunc(s.routes, func(o operation) bool { return o.info.Name == info.Name }) {
		panic("kithttp: two routes named " + info.Name)
	}
	limit := r.BodyLimit
	if limit == 0 {
		limit = s.bodyLimit
	}
	d := decoder{shape: shape, limit: limit, optionalBody: r.OptionalBody}

	e := recovering(func(ctx context.Context, request any) (any, error) {
		req := new(Req)
		if err := d.decode(request.(*http.Request), req); err != nil {
			return nil, err
		}
		return h(ctx, *req)
	})
	for _, m := range slices.Backward(slices.Concat(s.middleware, mw)) {
		e = m(e)
	}

	before := slices.Concat([]kit.RequestFunc{withExchange(info)}, s.before)
	handler := kit.NewServer(e, passRequest, s.encodeAnswer(info),
		kit.ServerBefore(before...),
		kit.ServerErrorEncoder(s.WriteError))
	s.mux.Handle(info.Method+" "+info.Path, s.guard(info, handler))
	s.routes = append(s.routes, operation{
		info: info, shape: shape, optionalBody: r.OptionalBody, faults: r.Faults, media: r.Media,
		alsoStatus: r.AlsoStatus, answer: reflect.TypeFor[Resp](),
	})
}

// HandleHTTP adds a plain handler, by a pattern of http.ServeMux. It is not in Routes, nor in the OpenAPI
// document, and no endpoint middleware runs. If it panics, the error hook is told and the connection ends.
func (s *Server) HandleHTTP(pattern string, h http.Handler) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if err := recovered(recover()); err != nil {
				s.hook(r.Context(), RouteInfo{}, err)
				panic(http.ErrAbortHandler)
			}
		}()
		h.ServeHTTP(w, r)
	})
}

// Routes describes the routes in the order in which they were added.
func (s *Server) Routes() []RouteInfo {
	infos := make([]RouteInfo, len(s.routes))
	for i, o := range s.routes {
		infos[i] = o.info
	}
	return infos
}

// ServeHTTP answers the request by its route. A path that is not in its shortest form (with empty or dot
// segments) is unknown.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !isClean(r.URL.EscapedPath()) {
		s.writeProblem(w, problemNotFound)
		return
	}
	if h, pattern := s.mux.Handler(r); pattern == "" {
		var refusal refusal
		h.ServeHTTP(&refusal, r)
		if allow := refusal.Header().Get("Allow"); allow != "" {
			w.Header().Set("Allow", allow)
			s.writeProblem(w, problemMethod)
			return
		}
		s.writeProblem(w, problemNotFound)
		return
	}
	s.mux.ServeHTTP(w, r)
}

func isClean(p string) bool {
	clean := path.Clean(p)
	return p == clean || strings.HasSuffix(p, "/") && p == clean+"/"
}

// refusal catches what http.ServeMux says where nothing matches: of that, only the headers matter.
type refusal struct{ header http.Header }

func (r *refusal) Header() http.Header {
	if r.header == nil {
		r.header = http.Header{}
	}
	return r.header
}
func (r *refusal) Write(p []byte) (int, error) { return len(p), nil }
func (r *refusal) WriteHeader(int)             {}

// guard catches the panics that are not the handler's: those of middleware, of functions that run before it
// and of the answer's own methods, none of which has written anything yet.
func (s *Server) guard(info RouteInfo, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if err := recovered(recover()); err != nil {
				s.hook(r.Context(), info, err)
				s.writeProblem(w, problemInternal)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// exchange is what the context of a request holds for those who ask RequestFrom and RouteFrom.
type exchange struct {
	request *http.Request
	route   RouteInfo
}

type exchangeKey struct{}

func withExchange(info RouteInfo) kit.RequestFunc {
	return func(ctx context.Context, r *http.Request) context.Context {
		return context.WithValue(ctx, exchangeKey{}, &exchange{r, info})
	}
}

// RequestFrom is the HTTP request under way, or nil outside of one. Its body belongs to the decoder.
func RequestFrom(ctx context.Context) *http.Request {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x.request
	}
	return nil
}

// RouteFrom is the route of the request under way, or the zero RouteInfo outside of one.
func RouteFrom(ctx context.Context) RouteInfo {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x.route
	}
	return RouteInfo{}
}

// passRequest leaves decoding to the innermost endpoint, so that a middleware refuses before the body is read.
func passRequest(_ context.Context, r *http.Request) (any, error) { return r, nil }
