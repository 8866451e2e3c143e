package kithttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/go-kit/kit/endpoint"
	kit "github.com/go-kit/kit/transport/http"

	"github.com/cicerone-go/cicerone/core/fault"
)

// DefaultBodyLimit is the greatest number of bytes of a request's body, unless [WithBodyLimit] or
// the route sets another: 64 KiB.
const DefaultBodyLimit = 64 << 10

// noBodyLimit is the limit of a route whose request has no JSON fields. Only {} and white space are
// accepted there. The limit is higher, so that the refusal of a body with a field can name the
// field.
const noBodyLimit = 1 << 10

// Server serves routes and plain handlers from one http.ServeMux. It answers unknown paths and
// methods with problem documents. It is safe for concurrent use once all routes are added.
type Server struct {
	mux    *http.ServeMux
	routes []operation
	api    apiInfo

	basePath  string
	without   map[string]bool // see WithoutRoutes; those that Handle has not left out yet
	bodyLimit int64
	bodies    Bodies
	pace      *pace

	compress        bool
	leastCompressed int // in bytes

	middleware []endpoint.Middleware
	before     []kit.RequestFunc
	after      []kit.ServerResponseFunc
	hook       func(context.Context, RouteInfo, error)
	problems   func(context.Context, Problem)
}

// NewServer returns a server without routes. It panics if the body limit is not above 0, or if the
// base path is not valid.
func NewServer(opts ...Option) *Server {
	s := &Server{
		mux:       http.NewServeMux(),
		without:   map[string]bool{},
		bodyLimit: DefaultBodyLimit,
		pace:      newPace(),
		hook:      func(context.Context, RouteInfo, error) {},
		problems:  func(context.Context, Problem) {},
	}
	for _, opt := range opts {
		opt(s)
	}
	if s.bodyLimit <= 0 {
		panic("kithttp: the body limit must be above 0")
	}
	if err := CheckBasePath(s.basePath); err != nil {
		panic(err.Error())
	}
	return s
}

// Handle adds a route to a server. A request passes the functions of [WithBefore] and the gates, is
// decoded, passes the middleware, and reaches h.
//
// A middleware receives the context that the gates returned, and the decoded Req as its request. It
// returns a Resp as the response, or a *fault.Error. Values that it adds to the context reach h.
//
// Handle adds nothing if [WithoutRoutes] leaves the route out. It panics if the route is not valid, if its name is taken, or if its path conflicts with that
// of another route, as in http.ServeMux.
func Handle[Req, Resp any](s *Server, r Route[Req, Resp], h func(context.Context, Req) (Resp, error), opts ...HandleOption) {
	shape, err := r.check()
	if err != nil {
		panic(err.Error())
	}
	info := r.Info()
	if s.without[info.Name] {
		delete(s.without, info.Name)
		return
	}
	if slices.ContainsFunc(s.routes, func(o operation) bool { return o.info.Name == info.Name }) {
		panic("kithttp: two routes named " + info.Name)
	}
	var own handling
	for _, opt := range opts {
		opt(&own)
	}
	if own.check != nil && own.checked != reflect.TypeFor[Req]() {
		panic(fmt.Sprintf("kithttp: route %s: Checked is for %s, not for %s", r.Name, own.checked, reflect.TypeFor[Req]()))
	}
	if own.append != nil && own.appended != reflect.TypeFor[Resp]() {
		panic(fmt.Sprintf("kithttp: route %s: Appended is for %s, not for %s", r.Name, own.appended, reflect.TypeFor[Resp]()))
	}
	if own.parse != nil && own.parsed != reflect.TypeFor[Req]() {
		panic(fmt.Sprintf("kithttp: route %s: Parsed is for %s, not for %s", r.Name, own.parsed, reflect.TypeFor[Req]()))
	}
	limit := r.BodyLimit
	switch {
	case limit > 0:
	case len(shape.members) == 0:
		limit = min(s.bodyLimit, noBodyLimit)
	default:
		limit = s.bodyLimit
	}
	d := decoder{shape: shape, limit: limit, optionalBody: r.OptionalBody, ignoreBody: r.IgnoreBody, check: own.check, parse: own.parse}
	decode := func(ctx context.Context, r *http.Request) (any, error) {
		if refused := exchangeOf(ctx).refused; refused != nil {
			if errors.Is(refused, fault.Unavailable) {
				intakeOf(r).skip()
			}
			return nil, refused
		}
		req := new(Req)
		if own.aim != nil {
			if err := own.aim(ctx, r.PathValue); err != nil {
				return nil, own.refusal(ctx, err)
			}
		}
		if err := d.decode(ctx, r, req); err != nil {
			return nil, own.refusal(ctx, err)
		}
		return *req, nil
	}

	e := recovering(func(ctx context.Context, request any) (any, error) { return h(ctx, request.(Req)) })
	for _, m := range slices.Backward(slices.Concat(s.middleware, own.middleware)) {
		e = m(e)
	}
	e = own.settled(e)

	before := slices.Concat([]kit.RequestFunc{withExchange(info)}, s.before, []kit.RequestFunc{enter(own.gates)})
	handler := kit.NewServer(e, decode, s.encodeResponse(info, own.append),
		kit.ServerBefore(before...),
		kit.ServerAfter(s.after...),
		kit.ServerErrorEncoder(s.WriteError))
	s.route(info.Method+" "+info.Path, s.guard(info, handler))
	s.routes = append(s.routes, operation{
		handling: own, endpoint: e, response: reflect.TypeFor[Resp](),
		info: info, shape: shape, optionalBody: r.OptionalBody, faults: r.Faults, headers: r.Headers,
		media: r.Media, alsoStatus: r.AlsoStatus, answer: r.answer(),
	})
}

// HandleHTTP adds a plain handler for a pattern of http.ServeMux. The handler is neither in Routes
// nor in the OpenAPI document, and no gate or middleware runs before it. If it panics, the error
// hook is called and the connection is closed.
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

// route adds a handler to the mux. The handler gets the response writer without the refusal around
// it.
func (s *Server) route(pattern string, h http.Handler) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w.(*refusal).ResponseWriter, r)
	})
}

// Routes returns the routes in the order in which they were added.
func (s *Server) Routes() []RouteInfo {
	infos := make([]RouteInfo, len(s.routes))
	for i, o := range s.routes {
		infos[i] = o.info
	}
	return infos
}

// ServeHTTP dispatches the request to its route. A path with empty or dot segments is unknown.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if hasBody(r) {
		given := r
		r = r.WithContext(r.Context()) // net/http keeps the request as it was
		defer func() { given.Pattern = r.Pattern }()
	}
	s.ServeOwn(w, r)
}

// ServeOwn is ServeHTTP for a copy of a request that is made for it, as by
// http.Request.WithContext. It changes the body of the copy, and makes no copy itself.
func (s *Server) ServeOwn(w http.ResponseWriter, r *http.Request) {
	if hasBody(r) {
		in := s.takeIn(w, r)
		defer in.leave()
		r.Body = in
	}
	if !isClean(r.URL.EscapedPath()) {
		s.writeProblem(r.Context(), w, problemNotFound)
		return
	}
	s.mux.ServeHTTP(&refusal{ResponseWriter: w, server: s, request: r}, r)
}

// PatternOf returns the pattern of http.ServeMux of what serves a request: the method and the path
// of a route, or what [Server.HandleHTTP] got. It returns "" if there is nothing.
func (s *Server) PatternOf(r *http.Request) string {
	if !isClean(r.URL.EscapedPath()) {
		return ""
	}
	_, pattern := s.mux.Handler(r)
	return pattern
}

func isClean(p string) bool {
	clean := path.Clean(p)
	return strings.HasPrefix(p, "/") && (p == clean || p == clean+"/")
}

// refusal is the response writer that http.ServeMux gets. The mux itself writes to it only if no
// handler matches. The refusal turns a 404 or 405 of the mux into a problem document and keeps its
// Allow header. If the mux redirects to the path of the request with a slash at its end, the
// refusal puts the base path in front of it, and drops the body, which has the path without the
// base path.
type refusal struct {
	http.ResponseWriter
	server  *Server
	request *http.Request
	done    bool
}

// WriteHeader writes the problem document of a 404 or 405, and otherwise the status.
func (r *refusal) WriteHeader(status int) {
	to := r.Header().Get("Location")
	r.done = true
	switch {
	case status == http.StatusNotFound:
		r.server.writeProblem(r.request.Context(), r.ResponseWriter, problemNotFound)
	case status == http.StatusMethodNotAllowed:
		r.server.writeProblem(r.request.Context(), r.ResponseWriter, problemMethod)
	case to != "":
		r.Header().Set("Location", r.server.basePath+to)
		r.Header().Del("Content-Type")
		r.ResponseWriter.WriteHeader(status)
	default:
		r.done = false
		r.ResponseWriter.WriteHeader(status)
	}
}

// Write drops the mux's own text after a problem document or a redirect.
func (r *refusal) Write(p []byte) (int, error) {
	if r.done {
		return len(p), nil
	}
	return r.ResponseWriter.Write(p)
}

// guard recovers from the panics of gates, middleware and functions of WithBefore, and of the
// methods of the request and the response. None of these has written anything yet, so a 500 can be
// sent.
func (s *Server) guard(info RouteInfo, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if err := recovered(recover()); err != nil {
				s.hook(r.Context(), info, err)
				s.writeProblem(r.Context(), w, problemInternal)
			}
		}()
		next.ServeHTTP(w, r)
	})
}
