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
// It documents: a [Gate] checks the token. Every 401 then has "WWW-Authenticate: Bearer".
func WithBearer(name, description string) Option {
	return func(s *Server) { s.api.bearers = append(s.api.bearers, bearer{name, description}) }
}

// WithBodyLimit sets how many bytes a request's body may have, [DefaultBodyLimit] if not given.
// It must be above 0. A route may set its own.
func WithBodyLimit(bytes int64) Option { return func(s *Server) { s.bodyLimit = bytes } }

// WithMiddleware wraps the endpoint of every route, outside of the route's own middleware; the first is
// the outermost. See [Handle].
func WithMiddleware(mw ...endpoint.Middleware) Option {
	return func(s *Server) { s.middleware = append(s.middleware, mw...) }
}

// WithErrorHook sets a function for a log. It gets every error that is answered with a 5xx, with its
// cause, and every panic (a [*PanicError]), but no error of a request that its client gave up. RouteInfo
// is zero for a plain handler.
func WithErrorHook(hook func(context.Context, RouteInfo, error)) Option {
	return func(s *Server) { s.hook = hook }
}

// WithBefore runs functions before each route's gates, which may add to the context.
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

// Gate decides on a request before it is decoded, so that its refusal comes before all that may be wrong
// with the request itself. It returns the context with which the request continues, derived from ctx, or
// the refusal, a *fault.Error. The *http.Request is [RequestFrom] ctx; a gate must not read its body.
type Gate func(ctx context.Context) (context.Context, error)

// HandleOption sets something of a route in one server.
type HandleOption func(*handling)

type handling struct {
	gates      []Gate
	middleware []endpoint.Middleware
}

// Gated puts gates in front of a route. They run in their order, until one refuses.
func Gated(gates ...Gate) HandleOption {
	return func(h *handling) { h.gates = append(h.gates, gates...) }
}

// Wrapped wraps the endpoint of a route, inside of the server's middleware; the first is the outermost.
func Wrapped(mw ...endpoint.Middleware) HandleOption {
	return func(h *handling) { h.middleware = append(h.middleware, mw...) }
}

// Handle adds a route to a server. A request passes the functions of [WithBefore] and the gates, is
// decoded, passes the middleware, and reaches h.
//
// A middleware gets the context as the gates left it, and the decoded Req as request. It returns a Resp as
// response, or refuses with a *fault.Error. What it adds to the context reaches h.
//
// Handle panics if the route contradicts itself or another one, as http.ServeMux does.
func Handle[Req, Resp any](s *Server, r Route[Req, Resp], h func(context.Context, Req) (Resp, error), opts ...HandleOption) {
	shape, err := r.check()
	if err != nil {
		panic(err.Error())
	}
	info := r.Info()
	if slices.ContainsFunc(s.routes, func(o operation) bool { return o.info.Name == info.Name }) {
		panic("kithttp: two routes named " + info.Name)
	}
	var own handling
	for _, opt := range opts {
		opt(&own)
	}
	limit := r.BodyLimit
	if limit == 0 {
		limit = s.bodyLimit
	}
	d := decoder{shape: shape, limit: limit, optionalBody: r.OptionalBody}
	decode := func(ctx context.Context, r *http.Request) (any, error) {
		if refused := exchangeOf(ctx).refused; refused != nil {
			return nil, refused
		}
		req := new(Req)
		if err := d.decode(r, req); err != nil {
			return nil, err
		}
		return *req, nil
	}

	e := recovering(func(ctx context.Context, request any) (any, error) { return h(ctx, request.(Req)) })
	for _, m := range slices.Backward(slices.Concat(s.middleware, own.middleware)) {
		e = m(e)
	}

	before := slices.Concat([]kit.RequestFunc{withExchange(info)}, s.before, []kit.RequestFunc{enter(own.gates)})
	handler := kit.NewServer(e, decode, s.encodeAnswer(info),
		kit.ServerBefore(before...),
		kit.ServerErrorEncoder(s.WriteError))
	s.route(info.Method+" "+info.Path, s.guard(info, handler))
	s.routes = append(s.routes, operation{
		info: info, shape: shape, optionalBody: r.OptionalBody, faults: r.Faults, media: r.Media,
		alsoStatus: r.AlsoStatus, answer: reflect.TypeFor[Resp](),
	})
}

// enter runs gates. go-kit's functions before decoding cannot refuse, so that the refusal waits in the
// exchange for the decoder, which comes next.
func enter(gates []Gate) kit.RequestFunc {
	return func(outside context.Context, _ *http.Request) context.Context {
		ctx := outside
		for _, gate := range gates {
			entered, err := gate(ctx)
			if err != nil {
				exchangeOf(outside).refused = err
				return outside // not ctx: a gate may have lost the exchange, and so the refusal
			}
			ctx = entered
		}
		return ctx
	}
}

// HandleHTTP adds a plain handler, by a pattern of http.ServeMux. It is not in Routes, nor in the OpenAPI
// document, and no gate or middleware runs. If it panics, the error hook is called and the connection ends.
func (s *Server) HandleHTTP(pattern string, h http.Handler) {
	s.route(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if err := recovered(recover()); err != nil {
				s.hook(r.Context(), RouteInfo{}, err)
				panic(http.ErrAbortHandler)
			}
		}()
		h.ServeHTTP(w, r)
	}))
}

// route adds a handler to the mux, which hands it the response writer without the refusal around it.
func (s *Server) route(pattern string, h http.Handler) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w.(*refusal).ResponseWriter, r)
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
	s.mux.ServeHTTP(&refusal{ResponseWriter: w, server: s}, r)
}

func isClean(p string) bool {
	clean := path.Clean(p)
	return strings.HasPrefix(p, "/") && (p == clean || p == clean+"/")
}

// refusal is the response writer of http.ServeMux itself, which writes to it only if no handler matches.
// It turns a 404 or 405 into a problem document, and keeps the mux's Allow header. All else that the mux
// writes, a redirect to the same path with a slash at its end, passes.
type refusal struct {
	http.ResponseWriter
	server *Server
	done   bool
}

// WriteHeader writes the problem document of the status, if there is one.
func (r *refusal) WriteHeader(status int) {
	switch status {
	case http.StatusNotFound:
		r.done = true
		r.server.writeProblem(r.ResponseWriter, problemNotFound)
	case http.StatusMethodNotAllowed:
		r.done = true
		r.server.writeProblem(r.ResponseWriter, problemMethod)
	default:
		r.ResponseWriter.WriteHeader(status)
	}
}

// Write drops the mux's own text after a problem document.
func (r *refusal) Write(p []byte) (int, error) {
	if r.done {
		return len(p), nil
	}
	return r.ResponseWriter.Write(p)
}

// guard catches the panics that are not the handler's: those of gates, of middleware, of functions that run
// before them, and of the methods of request and answer. None of these has written anything yet.
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

// exchange holds what the context of a request has for RequestFrom and RouteFrom.
type exchange struct {
	request *http.Request
	route   RouteInfo
	refused error // by a gate
}

type exchangeKey struct{}

func withExchange(info RouteInfo) kit.RequestFunc {
	return func(ctx context.Context, r *http.Request) context.Context {
		return context.WithValue(ctx, exchangeKey{}, &exchange{request: r, route: info})
	}
}

// exchangeOf returns the exchange of a request under way, or an empty one outside of any.
func exchangeOf(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return &exchange{}
}

// RequestFrom returns the HTTP request under way, or nil outside of one. Its body belongs to the decoder.
func RequestFrom(ctx context.Context) *http.Request { return exchangeOf(ctx).request }

// RouteFrom returns the route of the request under way, or the zero RouteInfo outside of one.
func RouteFrom(ctx context.Context) RouteInfo { return exchangeOf(ctx).route }
