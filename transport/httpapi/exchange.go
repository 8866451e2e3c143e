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

// ServeHTTP answers a request, gives it an id, and writes a line about it to the log.
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
			slog.String("route", r.Pattern), // as it was found; "" for an unknown path, which may hold anything
			slog.Int("status", recorded.status),
			slog.Duration("duration", time.Since(begun)))
	}()
	a.server.ServeHTTP(recorded, r)
}

type requestIDKey struct{}

// RequestID is the id of the request under way, as its answer and the log have it: that of its
// X-Request-Id header where it has one of 1 to 128 visible ASCII characters, else a new one. It is "" outside
// of a request.
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

// recorder remembers the status that was answered.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 { // those below go before the answer
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

// Unwrap lets http.ResponseController reach what is recorded.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
