package kithttp

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/cicerone-go/cicerone/core/fault"
)

// Route declares an operation for the server, the client and the OpenAPI document.
type Route[Req, Resp any] struct {
	Name         string         // the operation's id, unique in a server, such as "sendMessage"
	Method       string         // such as http.MethodGet; a GET route also serves HEAD
	Path         string         // in the syntax of http.ServeMux, such as /v1/things/{id}
	Status       int            // of success; 0 means 204 if Resp is None, and otherwise 200
	AlsoStatus   []int          // other statuses that Resp returns as a StatusCoder, for the OpenAPI document
	BodyLimit    int64          // in bytes; 0 means the limit of the server, see WithBodyLimit
	IgnoreBody   bool           // the body is read up to its limit and ignored, whatever its media type; Req has no JSON fields
	OptionalBody bool           // an empty body counts as {}, although Req has JSON fields
	Summary      string         // one line for the OpenAPI document
	Tags         []string       // for the OpenAPI document
	Security     []string       // the security schemes, of which a caller needs one; empty if the route is public
	Faults       []*fault.Error // errors of the operation and of its gates, for the OpenAPI document
	Headers      []Header       // headers of a successful response, for the OpenAPI document
	Media        []string       // media types of a Blob or Stream, such as "image/png", for the OpenAPI document
	Secret       bool           // the response has a secret, and is never compressed: its size would tell of it
	Document     reflect.Type   // of the JSON document that a Stream writes, for the OpenAPI document; nil if it writes none
}

// Info returns a description of the route without its type parameters.
func (r Route[Req, Resp]) Info() RouteInfo {
	return RouteInfo{
		Name: r.Name, Method: r.Method, Path: r.Path, Status: r.status(),
		Summary: r.Summary, Tags: r.Tags, Security: r.Security, Secret: r.Secret,
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

// answer returns the type that the OpenAPI document describes as the response.
func (r Route[Req, Resp]) answer() reflect.Type {
	if r.Document != nil {
		return r.Document
	}
	return reflect.TypeFor[Resp]()
}

// check returns the shape of the route's request, or an error if the route is not valid.
func (r Route[Req, Resp]) check() (*shape, error) {
	s, err := r.Info().shapeOf(reflect.TypeFor[Req]())
	if err == nil && r.IgnoreBody && len(s.members) > 0 {
		return nil, fmt.Errorf("kithttp: route %s: IgnoreBody, but the request has JSON fields", r.Name)
	}
	return s, err
}

// shapeOf returns the shape of the route's request, or an error if the two do not fit.
func (r RouteInfo) shapeOf(req reflect.Type) (*shape, error) {
	if r.Name == "" || r.Method == "" || !strings.HasPrefix(r.Path, "/") {
		return nil, fmt.Errorf("kithttp: route %q %q %q: name, method and path are required", r.Name, r.Method, r.Path)
	}
	s, err := shapeOf(req)
	if err != nil {
		return nil, fmt.Errorf("kithttp: route %s: %w", r.Name, err)
	}
	if err := s.checkPath(r.Path); err != nil {
		return nil, fmt.Errorf("kithttp: route %s: %w", r.Name, err)
	}
	return s, nil
}

// Header describes a header of responses in the OpenAPI document. Headers with the same name must
// have the same description in all routes of a server.
type Header struct {
	Name        string
	Description string
}

// RouteInfo describes a route to middleware, hooks, tests, and clients without type parameters.
type RouteInfo struct {
	Name     string
	Method   string
	Path     string
	Status   int
	Summary  string
	Tags     []string
	Security []string
	Secret   bool
}

// None is a request or a response without content.
type None struct{}

// Blob is a response of bytes that are not JSON. [Call] returns it, too.
type Blob struct {
	ContentType string
	Body        []byte
	Header      http.Header // additional headers, which may replace Cache-Control
}

// Stream is a response that is written piece by piece. The server sends the status and the headers
// before the first byte that Write writes or flushes. The context of Write ends with the request,
// and its writer works with http.ResponseController. An error that Write returns before is answered
// like an error of a handler. After an error that it returns later, the server closes the
// connection, so that no client takes the body for a complete one; see [WithErrorHook]. Write is
// not called for HEAD. A client reads a Stream with [Client.Open].
type Stream struct {
	ContentType string
	Header      http.Header
	Write       func(ctx context.Context, w http.ResponseWriter) error
}
