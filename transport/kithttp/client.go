package kithttp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-kit/kit/endpoint"
	kit "github.com/go-kit/kit/transport/http"

	"github.com/cicerone-go/cicerone/core/fault"
)

// DefaultAnswerLimit is the greatest number of bytes of a response that a client reads, unless
// [WithAnswerLimit] sets another: 64 MiB.
const DefaultAnswerLimit = 64 << 20

// Client calls the routes of a server over HTTP. It is safe for concurrent use.
type Client struct {
	base        *url.URL
	http        *http.Client
	answerLimit int64
	hooks       []kit.RequestFunc
	send        endpoint.Endpoint // from a *call to an *http.Response with an unread body
}

// ClientOption is an option of [NewClient].
type ClientOption func(*Client)

// WithHTTPClient sets the HTTP client that sends the requests. The default is http.DefaultClient.
func WithHTTPClient(c *http.Client) ClientOption { return func(k *Client) { k.http = c } }

// WithAnswerLimit sets the greatest number of bytes of a response, which must be above 0. The
// default is [DefaultAnswerLimit]. The limit does not apply to a response that [Client.Open] returns.
func WithAnswerLimit(bytes int64) ClientOption { return func(k *Client) { k.answerLimit = bytes } }

// WithRequestHook adds a function that runs on each request before it is sent, for example to set a
// bearer token.
func WithRequestHook(hook func(context.Context, *http.Request)) ClientOption {
	return func(k *Client) {
		k.hooks = append(k.hooks, func(ctx context.Context, r *http.Request) context.Context {
			hook(ctx, r)
			return ctx
		})
	}
}

// NewClient returns a client of the server at base, an http or https URL without a query. If base
// has a path, the paths of all routes are appended to it.
func NewClient(base string, opts ...ClientOption) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("kithttp: address of the server: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("kithttp: address of the server: %q is not http(s)://host[/path]", base)
	}
	c := &Client{base: u, http: http.DefaultClient, answerLimit: DefaultAnswerLimit}
	for _, opt := range opts {
		opt(c)
	}
	if c.http == nil || c.answerLimit <= 0 {
		return nil, errors.New("kithttp: a client needs an HTTP client and an answer limit above 0")
	}
	c.send = kit.NewExplicitClient(c.request, passResponse,
		kit.SetClient(c.http), kit.ClientBefore(c.hooks...), kit.BufferedStream(true)).Endpoint()
	return c, nil
}

// passResponse leaves the body to the caller of the endpoint, which knows the type of the response.
func passResponse(_ context.Context, r *http.Response) (any, error) { return r, nil }

// Call sends a request to a route and returns the response. Parameters that are nil, empty or zero
// are not sent, unless they are required. Fields of the response that Resp does not have are
// ignored.
//
// A problem document is returned as the *fault.Error from which the server made it, so errors.Is
// holds for its kind and for an error of the same kind and code. Other errors are fault.Unavailable
// if the server cannot be reached, fault.TooLarge if the response is over the limit, and
// fault.Internal if the response does not match the route. If ctx is canceled, the error is
// context.Canceled and not fault.Unavailable. Call does not retry.
func Call[Req, Resp any](ctx context.Context, c *Client, r Route[Req, Resp], req Req) (Resp, error) {
	var resp Resp
	err := c.Call(ctx, r.Info(), req, &resp)
	return resp, err
}

// Call is the function Call without types: req is the request, and resp points to the response.
func (c *Client) Call(ctx context.Context, r RouteInfo, req, resp any) error {
	if _, ok := resp.(*Stream); ok {
		return fmt.Errorf("kithttp: route %s: a stream is read with Open", r.Name)
	}
	response, err := c.exchange(ctx, r, req)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return readResponse(response, r.Name, c.answerLimit, resp)
}

// Open sends a request to a route and returns the response with an unread body, as a [Stream]
// needs. Its errors are those of the function Call. The caller must close the body.
func (c *Client) Open(ctx context.Context, r RouteInfo, req any) (*http.Response, error) {
	response, err := c.exchange(ctx, r, req)
	if err != nil {
		return nil, err
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		defer response.Body.Close()
		return nil, readProblem(response, c.answerLimit)
	}
	return response, nil
}

// call is the request that the client's endpoint takes.
type call struct {
	shape        *shape
	method, path string
	value        reflect.Value // of the shape's type
}

// exchange runs a call through the client's endpoint. The caller must close the body of the response.
func (c *Client) exchange(ctx context.Context, r RouteInfo, req any) (*http.Response, error) {
	shape, err := r.shapeOf(reflect.TypeOf(req))
	if err != nil {
		return nil, err
	}
	response, err := c.send(ctx, &call{shape, r.Method, r.Path, reflect.ValueOf(req)})
	if err == nil {
		return response.(*http.Response), nil
	}
	if _, sent := errors.AsType[*url.Error](err); !sent {
		return nil, err
	}
	if errors.Is(err, context.Canceled) {
		return nil, fmt.Errorf("%s: %w", r.Name, err)
	}
	return nil, unreachable(err)
}

func unreachable(err error) error {
	return fault.New(fault.Unavailable, string(fault.Unavailable), "the server cannot be reached").Wrap(err)
}

// request writes a *call as an HTTP request. It is go-kit's CreateRequestFunc.
func (c *Client) request(ctx context.Context, sent any) (*http.Request, error) {
	call := sent.(*call)
	s, v := call.shape, call.value
	u := *c.base
	if err := s.fillPath(&u, call.path, v); err != nil {
		return nil, err
	}
	query := url.Values{}
	if err := collect(s.query, v, query); err != nil {
		return nil, err
	}
	u.RawQuery = query.Encode()

	body, err := s.marshal(v)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, call.method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	if err := collect(s.header, v, r.Header); err != nil {
		return nil, err
	}
	if len(body) > 0 {
		r.Header.Set("Content-Type", jsonMedia)
	}
	return r, nil
}

func collect(params []param, v reflect.Value, into map[string][]string) error {
	for _, p := range params {
		texts, err := p.texts(v)
		if err != nil {
			return fmt.Errorf("write parameter %s: %w", p.name, err)
		}
		if len(texts) > 0 {
			into[p.name] = texts
		}
	}
	return nil
}

// fillPath puts the path parameters into the pattern and appends it to u. In a segment of dots
// alone the dots are escaped, because HTTP libraries remove such a segment.
func (s *shape) fillPath(u *url.URL, pattern string, v reflect.Value) error {
	plain, escaped := map[string]string{}, map[string]string{}
	for _, p := range s.path {
		text, err := p.codec.format(v.FieldByIndex(p.index))
		if err != nil {
			return fmt.Errorf("write parameter %s: %w", p.name, err)
		}
		if text == "" {
			return fault.InvalidField(p.name, "must not be empty")
		}
		plain["{"+p.name+"}"], escaped["{"+p.name+"}"] = text, url.PathEscape(text)
		if strings.Trim(text, ".") == "" {
			escaped["{"+p.name+"}"] = strings.ReplaceAll(text, ".", "%2E")
		}
	}
	u.RawPath = strings.TrimSuffix(u.EscapedPath(), "/") +
		wildcard.ReplaceAllStringFunc(pattern, func(w string) string { return escaped[w] })
	u.Path = strings.TrimSuffix(u.Path, "/") +
		wildcard.ReplaceAllStringFunc(pattern, func(w string) string { return plain[w] })
	return nil
}

// marshal writes the members of v as a JSON object. It returns nil if the shape has no members.
func (s *shape) marshal(v reflect.Value) ([]byte, error) {
	if len(s.members) == 0 {
		return nil, nil
	}
	body := reflect.New(s.bodyType).Elem()
	for i, m := range s.members {
		body.Field(i).Set(v.FieldByIndex(m.index))
	}
	b, err := json.Marshal(body.Addr().Interface(), json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("write the body: %w", err)
	}
	return b, nil
}

// readResponse reads a response into a value, to which into points.
func readResponse(r *http.Response, route string, limit int64, into any) error {
	if r.StatusCode < 200 || r.StatusCode > 299 {
		return readProblem(r, limit)
	}
	body, err := readLimited(r, limit)
	if err != nil {
		return err
	}
	if _, none := into.(*None); none || r.StatusCode == http.StatusNoContent {
		return nil
	}
	if blob, ok := into.(*Blob); ok {
		*blob = Blob{ContentType: r.Header.Get("Content-Type"), Body: body, Header: r.Header}
		return nil
	}
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media != jsonMedia {
		return misunderstood(fmt.Errorf("%s answered %s with %q", route, r.Status, media))
	}
	if err := json.Unmarshal(body, into); err != nil {
		return misunderstood(fmt.Errorf("%s: %w", route, err))
	}
	return nil
}

func misunderstood(cause error) error {
	return fault.New(fault.Internal, string(fault.Internal), "the server's answer cannot be understood").Wrap(cause)
}

func readLimited(r *http.Response, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return nil, fmt.Errorf("read the answer: %w", err)
		}
		return nil, unreachable(err)
	}
	if int64(len(body)) > limit {
		return nil, fault.New(fault.TooLarge, string(fault.TooLarge), fmt.Sprintf("the answer has more than %d bytes", limit))
	}
	return body, nil
}

// readProblem turns a response that is not a success into a *fault.Error. A proxy may have answered
// without a problem document; then the error is made from the status alone.
func readProblem(r *http.Response, limit int64) error {
	body, err := readLimited(r, limit)
	if err != nil {
		return err
	}
	kind := KindOf(r.StatusCode)
	f := fault.New(kind, string(kind), "the server answered "+r.Status)
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media == problemMedia {
		var p Problem
		if err := json.Unmarshal(body, &p); err != nil {
			return misunderstood(err)
		}
		f = fault.New(kind, p.Code, p.Detail)
		for _, e := range p.Errors {
			f.Fields = append(f.Fields, fault.Field{Name: e.Field, Message: e.Message})
		}
	}
	f.RetryAfter = retryAfter(r.Header.Get("Retry-After"))
	return f
}

func retryAfter(header string) time.Duration {
	if n, err := strconv.ParseInt(header, 10, 32); err == nil && n > 0 {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}
