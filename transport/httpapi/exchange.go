package httpapi

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

const requestIDHeader = "X-Request-Id"

// ServeHTTP serves a request. It gives the request an id, and logs one line about it.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	requestID := requestIDOf(r)
	r = r.WithContext(context.WithValue(r.Context(), requestIDKey{}, requestID))

	h := w.Header()
	h.Set(requestIDHeader, requestID)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")

	recorded := &recorder{ResponseWriter: w}
	defer func() {
		a.log.LogAttrs(r.Context(), slog.LevelInfo, "request",
			slog.String("request_id", requestID),
			slog.String("method", r.Method),
			slog.String("route", r.Pattern), // not the path, which may have anything in it; "" if it is unknown
			slog.Int("status", recorded.status),
			slog.Duration("duration", time.Since(begun)))
	}()
	a.server.ServeHTTP(recorded, r)
}

type requestIDKey struct{}

// RequestID returns the id of the current request, which its response and the log have, too. It is
// the value of the header X-Request-Id if that has 1 to 128 visible ASCII characters, and otherwise
// a new one. RequestID returns "" if ctx has no request.
func RequestID(ctx context.Context) string {
	requestID, _ := ctx.Value(requestIDKey{}).(string)
	return requestID
}

func requestIDOf(r *http.Request) string {
	given := r.Header.Get(requestIDHeader)
	isVisible := func(c rune) bool { return c > ' ' && c < 0x7f }
	if given == "" || len(given) > 128 || strings.ContainsFunc(given, func(c rune) bool { return !isVisible(c) }) {
		return rand.Text()
	}
	return given
}

// recorder is a response writer that records the status of the response.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 { // a 1xx status is not final
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap gives http.ResponseController access to the underlying response writer.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
