package kithttp

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// WithCompression makes the server compress the JSON of responses that have at least the given
// number of bytes, with gzip, if the client accepts it. Never compressed are the responses of
// routes with [Route.Secret], problem documents, Streams, and Blobs of other types: an image is
// compressed already, and a Stream would be buffered.
func WithCompression(least int) Option {
	return func(s *Server) { s.compress, s.leastCompressed = true, least }
}

// writeJSON writes a body of JSON, compressed if that is allowed and worth its time.
func (s *Server) writeJSON(ctx context.Context, w http.ResponseWriter, info RouteInfo, status int, body []byte) {
	if !s.compress || info.Secret {
		write(w, status, body)
		return
	}
	w.Header().Add("Vary", "Accept-Encoding")
	if len(body) >= s.leastCompressed && acceptsGzip(RequestFrom(ctx)) {
		body = compressed(body)
		w.Header().Set("Content-Encoding", "gzip")
	}
	write(w, status, body)
}

var compressors = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails only for an unknown level
	return z
}}

func compressed(body []byte) []byte {
	z := compressors.Get().(*gzip.Writer) //nolint:forcetypeassert // nothing else is in the pool
	defer compressors.Put(z)
	var out bytes.Buffer
	z.Reset(&out)
	_, _ = z.Write(body) // a bytes.Buffer returns no errors
	_ = z.Close()
	return out.Bytes()
}

// acceptsGzip reports whether the client accepts gzip (RFC 9110, section 12.5.3). It does not if it
// says nothing.
func acceptsGzip(r *http.Request) bool {
	accepted := false
	for _, field := range r.Header.Values("Accept-Encoding") {
		for coding := range strings.SplitSeq(field, ",") {
			name, weight, _ := strings.Cut(coding, ";")
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "gzip", "x-gzip":
				return isWanted(weight)
			case "*":
				accepted = isWanted(weight)
			}
		}
	}
	return accepted
}

// isWanted reports whether a weight, like "q=0.5" or "", is above 0.
func isWanted(weight string) bool {
	name, value, found := strings.Cut(strings.TrimSpace(weight), "=")
	if !found {
		return name == ""
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	return err == nil && q > 0 && strings.EqualFold(strings.TrimSpace(name), "q")
}
