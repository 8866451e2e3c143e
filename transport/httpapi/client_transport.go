package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Transport carries the requests of a [Client] to a server, over one protocol. It is safe for concurrent
// use. Its errors are those that a Client returns. The types of requests and responses are those of the
// operation with the name of the route; their tags name their fields.
type Transport interface {
	// As returns a transport with the same connections that sends the access token, or no token if it
	// is "".
	As(accessToken string) Transport

	// Call sends the request of an operation, and reads the response into the value to which resp
	// points.
	Call(ctx context.Context, r kithttp.RouteInfo, req, resp any) error

	// Open sends the request of an operation that streams a document, and returns the document. The
	// caller must close it.
	Open(ctx context.Context, r kithttp.RouteInfo, req any) (io.ReadCloser, error)

	// Follow connects to the events after a position, or to later ones if it is nil, and yields what the
	// server sends. The last error says why the connection ended: io.EOF if the server ended it, and
	// ErrNotUnderstood if another connection would fail, too.
	Follow(ctx context.Context, after *int64) iter.Seq2[Heard, error]

	// Close ends the connections that the transport has opened.
	Close() error
}

// Heard is a piece of a stream of events: an event, a reset, or neither if the stream is only alive.
type Heard struct {
	LastID string        // after which another stream goes on; "" keeps the last one
	Retry  time.Duration // to wait before the next connection; 0 keeps the last one
	Reset  bool          // events may be missing
	Event  *LiveEvent    // what has happened
}

// overHTTP is a Transport.
type overHTTP struct {
	base   string
	opts   []kithttp.ClientOption
	client *kithttp.Client
}

func (t *overHTTP) As(accessToken string) Transport {
	opts := slices.Clone(t.opts)
	if accessToken != "" {
		opts = append(opts, kithttp.WithRequestHook(func(_ context.Context, r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+accessToken)
		}))
	}
	called, err := kithttp.NewClient(t.base, opts...)
	if err != nil {
		panic("httpapi: " + err.Error()) // NewClient has accepted the same arguments
	}
	return &overHTTP{t.base, t.opts, called}
}

func (t *overHTTP) Call(ctx context.Context, r kithttp.RouteInfo, req, resp any) error {
	return t.client.Call(ctx, r, req, resp)
}

func (t *overHTTP) Open(ctx context.Context, r kithttp.RouteInfo, req any) (io.ReadCloser, error) {
	response, err := t.client.Open(ctx, r, req)
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}

func (t *overHTTP) Follow(ctx context.Context, after *int64) iter.Seq2[Heard, error] {
	return func(yield func(Heard, error) bool) {
		response, err := t.client.Open(ctx, liveEvents.Info(), liveRequest{(*lastEventID)(after)})
		if err != nil {
			yield(Heard{}, err)
			return
		}
		defer response.Body.Close()
		if !strings.HasPrefix(response.Header.Get("Content-Type"), kithttp.EventMedia) {
			yield(Heard{}, ErrNotUnderstood)
			return
		}
		for e, err := range kithttp.ReadEvents(response.Body) {
			var heard Heard
			if err == nil {
				heard, err = heardOf(e)
			}
			if !yield(heard, err) || err != nil {
				return
			}
		}
	}
}

func heardOf(e kithttp.ServerEvent) (Heard, error) {
	heard := Heard{LastID: e.ID, Retry: e.Retry, Reset: e.Data != nil && e.Type == resetType}
	if e.Data == nil || heard.Reset {
		return heard, nil
	}
	heard.Event = &LiveEvent{}
	if err := json.Unmarshal(e.Data, heard.Event); err != nil {
		return Heard{}, fmt.Errorf("%w: %w", ErrNotUnderstood, err)
	}
	return heard, nil
}

func (*overHTTP) Close() error { return nil }
