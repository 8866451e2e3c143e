package kithttp

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json"
	kit "github.com/go-kit/kit/transport/http"

	"github.com/cicerone-go/cicerone/transport/edge/failure"
)

const jsonMedia = "application/json"

// encoded has buffers for the JSON of responses. Larger ones than keptSize are not used again.
var encoded = sync.Pool{New: func() any { return new([]byte) }}

const keptSize = 64 << 10

// encodeResponse writes the responses of a route. It encodes them with add, or with the JSON
// library if add is nil. If it returns an error, it has written nothing.
func (s *Server) encodeResponse(info RouteInfo, add func(b []byte, response any) ([]byte, error)) kit.EncodeResponseFunc {
	return func(ctx context.Context, w http.ResponseWriter, response any) error {
		switch answer := response.(type) {
		case None:
			setCommon(w.Header(), "")
			w.WriteHeader(info.Status)
			return nil
		case Blob:
			setCommon(w.Header(), answer.ContentType)
			setHeaders(w.Header(), answer.Header)
			if answer.ContentType == jsonMedia {
				s.writeJSON(ctx, w, info, info.Status, answer.Body)
				return nil
			}
			write(w, info.Status, answer.Body)
			return nil
		case Stream:
			return s.stream(ctx, info, w, answer)
		}

		var body []byte
		var err error
		if add == nil {
			body, err = json.Marshal(response, json.Deterministic(true))
		} else {
			buffer := encoded.Get().(*[]byte) //nolint:forcetypeassert // nothing else is in the pool
			if body, err = add((*buffer)[:0], response); cap(body) <= keptSize {
				*buffer = body
				defer encoded.Put(buffer) // a response writer does not keep what was written
			}
		}
		if err != nil {
			return fmt.Errorf("encode the response of %s: %w", info.Name, err)
		}
		status := info.Status
		if sc, ok := response.(kit.StatusCoder); ok {
			status = sc.StatusCode()
		}
		setCommon(w.Header(), jsonMedia)
		if hs, ok := response.(kit.Headerer); ok {
			setHeaders(w.Header(), hs.Headers())
		}
		if status == http.StatusNoContent {
			w.Header().Del("Content-Type")
			w.WriteHeader(status)
			return nil
		}
		s.writeJSON(ctx, w, info, status, body)
		return nil
	}
}

// stream writes a Stream. After its first byte, the client is told of a failure by the end of the
// connection alone: the body is not complete, whatever it looks like.
func (s *Server) stream(ctx context.Context, info RouteInfo, w http.ResponseWriter, answer Stream) error {
	started := &starter{ResponseWriter: w, status: info.Status, answer: answer}
	if RequestFrom(ctx).Method == http.MethodHead {
		started.start()
		return nil
	}
	_, err := recovering(func(ctx context.Context, _ any) (any, error) {
		return nil, answer.Write(ctx, started)
	})(ctx, nil)
	switch {
	case err == nil:
		started.start()
		return nil
	case !started.done:
		return err
	case ctx.Err() == nil && StatusOf(failure.Public(err).Kind) >= http.StatusInternalServerError:
		s.hook(ctx, info, fmt.Errorf("stream of %s: %w", info.Name, err))
	}
	panic(http.ErrAbortHandler)
}

// starter is a response writer that sends the status and the headers of a Stream before the first
// byte of its body.
type starter struct {
	http.ResponseWriter
	status int
	answer Stream
	done   bool
}

func (s *starter) start() {
	if !s.done {
		s.done = true
		setCommon(s.Header(), s.answer.ContentType)
		setHeaders(s.Header(), s.answer.Header)
		s.ResponseWriter.WriteHeader(s.status)
	}
}

// WriteHeader sends the status of the route, whatever is asked for.
func (s *starter) WriteHeader(int) { s.start() }

func (s *starter) Write(p []byte) (int, error) {
	s.start()
	return s.ResponseWriter.Write(p)
}

// FlushError is for http.ResponseController.
func (s *starter) FlushError() error {
	s.start()
	return http.NewResponseController(s.ResponseWriter).Flush()
}

// Unwrap gives http.ResponseController access to the underlying response writer.
func (s *starter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// setCommon sets the headers of every response: browsers must not guess its type, and caches must
// not store it.
func setCommon(h http.Header, contentType string) {
	values := []string{"nosniff", "no-store", contentType} // one allocation; Set makes one for each
	h["X-Content-Type-Options"], h["Cache-Control"] = values[0:1:1], values[1:2:2]
	if contentType != "" {
		h["Content-Type"] = values[2:3:3]
	}
}

func setHeaders(h, more http.Header) {
	for name, values := range more {
		h[http.CanonicalHeaderKey(name)] = values
	}
}

func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // fails only if the client has left
}
