package kithttp

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/cicerone-go/cicerone/core/fault"
)

// Route says once, for server, client and documentation alike, what an operation is.
type Route[Req, Resp any] struct {
	Name         string       // the operation's id, unique in a server: "sendMessage"
	Method       string       // http.MethodGet and so on; GET answers HEAD, too
	Path         string       // as http.ServeMux writes it: /v1/things/{id}
	Status       int          // of success; 0 is 204 where Resp is None, else 200
	AlsoStatus   []int        // of success, too, where Resp chooses by go-kit's StatusCoder; for the OpenAPI document
	BodyLimit    int64        // bytes; 0 is the server's
	OptionalBody bool         // an empty body counts as {}, although Req has JSON fields
	Summary      string       // one line for the OpenAPI document
	Tags         []string     // for the OpenAPI document
	Security     []string     // security schemes of which one is needed; none: anyone may call
	Faults       []fault.Kind // what the operation itself may refuse with, for the OpenAPI document
	Media        []string     // of a Blob or Stream, for the OpenAPI document: "image/png"
}

// Info is the part of the route that has no types.
func (r Route[Req, Resp]) Info() RouteInfo {
	return RouteInfo{
		Name: r.Name, Method: r.Method, Path: r.Path, Status: r.status(),
		Summary: r.Summary, Tags: r.Tags, Security: r.Security,
	}
}

func (r Route[Req, Resp]) status() int {
	switch {
	case r.Status != 0:
		return r.Status
	case reflect.TypeFor[Resp]() == reflect.TypeFor[None]():
		return http.StatusNoContent
	default:
		return http.StatusOK
	}
}

// check tells what is wrong with the route itself, and returns the shape of its request.
func (r Route[Req, Resp]) check() (*shape, error) {
	if r.Name == "" || r.Method == "" || !strings.HasPrefix(r.Path, "/") {
		return nil, fmt.Errorf("kithttp: route %q %q %q: name, method and path are needed", r.Name, r.Method, r.Path)
	}
	s, err := shapeOf(reflect.TypeFor[Req]())
	if err != nil {
		return nil, fmt.Errorf("kithttp: route %s: %w", r.Name, err)
	}
	if err := s.checkPath(r.Path); err != nil {
		return nil, fmt.Errorf("kithttp: route %s: %w", r.Name, err)
	}
	return s, nil
}

// RouteInfo describes a route to middleware, hooks and tests.
type RouteInfo struct {
	Name     string
	Method   string
	Path     string
	Status   int
	Summary  string
	Tags     []string
	Security []string
}

// None is the request or the answer without content.
type None struct{}

// Blob is an answer which is not JSON: bytes of a type of their own. Call fills it in, too.
type Blob struct {
	ContentType string
	Body        []byte
	Header      http.Header // more headers; these may replace Cache-Control
}

// Stream is an answer that is written bit by bit. The server sends status and headers, then runs Write,
// whose context ends with the request and whose writer works with http.ResponseController. An error of Write
// goes to the error hook and ends the connection, unless the client has left.
// A client reads it with [Open].
type Stream struct {
	ContentType string
	Header      http.Header
	Write       func(ctx context.Context, w http.ResponseWriter) error
}
