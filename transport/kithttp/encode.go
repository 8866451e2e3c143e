package kithttp

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	kit "github.com/go-kit/kit/transport/http"
)

const jsonMedia = "application/json"

// encodeResponse writes the responses of a route. If it returns an error, it has written nothing.
func (s *Server) encodeResponse(info RouteInfo) kit.EncodeResponseFunc {
	return func(ctx context.Context, w http.ResponseWriter, response any) error {
		switch answer := response.(type) {
		case None:
			setCommon(w.Header(), "")
			w.WriteHeader(info.Status)
			return nil
		case Blob:
			setCommon(w.Header(), answer.ContentType)
			setHeaders(w.Header(), answer.Header)
			write(w, info.Status, answer.Body)
			return nil
		case Stream:
			setCommon(w.Header(), answer.ContentType)
			setHeaders(w.Header(), answer.Header)
			w.WriteHeader(info.Status)
			s.stream(ctx, info, w, answer)
			return nil
		}

		body, err := json.Marshal(response, json.Deterministic(true))
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
		write(w, status, body)
		return nil
	}
}

// stream writes the body of a Stream. The status is already sent, so a failure can be reported to
// the client only by closing the connection.
func (s *Server) stream(ctx context.Context, info RouteInfo, w http.ResponseWriter, answer Stream) {
	if RequestFrom(ctx).Method == http.MethodHead {
		return
	}
	_, err := recovering(func(ctx context.Context, _ any) (any, error) {
		return nil, answer.Write(ctx, w)
	})(ctx, nil)
	if err != nil && ctx.Err() == nil {
		s.hook(ctx, info, fmt.Errorf("stream of %s: %w", info.Name, err))
		panic(http.ErrAbortHandler)
	}
}

// setCommon sets the headers of every response: browsers must not guess its type, and caches must
// not store it.
func setCommon(h http.Header, contentType string) {
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
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
