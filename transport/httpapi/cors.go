package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// CheckOrigin returns an error if the text is not the origin of a web page as a browser writes it,
// like https://app.example.org or http://localhost:3000.
func CheckOrigin(origin string) error {
	u, err := url.Parse(origin)
	switch {
	case err != nil:
		return errors.New("must be an origin, like https://app.example.org")
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.Scheme+"://"+u.Host != origin, strings.ToLower(origin) != origin:
		return fmt.Errorf("must be an origin in lower case and without a path, like https://app.example.org, is %q", origin)
	}
	return nil
}

// What scripts of other origins may send and read.
var (
	corsMethods = strings.Join([]string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
	}, ", ")
	corsSends = strings.Join([]string{"Authorization", "Content-Type", idempotencyHeader, lastEventHeader, requestIDHeader}, ", ")
	corsReads = strings.Join([]string{
		requestIDHeader, replayedHeader, "Retry-After", "Location", "Content-Disposition", "WWW-Authenticate",
	}, ", ")
)

// corsAge is the number of seconds for which a browser remembers the answer to a preflight.
const corsAge = "600"

// allowOrigin lets scripts of the configured origins read the response. It reports whether the
// request is a preflight of such a script, which it has answered. Credentials are not allowed: the
// API has no cookies.
func (a *API) allowOrigin(w http.ResponseWriter, r *http.Request) (answered bool) {
	if len(a.origins) == 0 {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if !slices.Contains(a.origins, origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		h.Set("Access-Control-Expose-Headers", corsReads)
		return false
	}
	h.Set("Access-Control-Allow-Methods", corsMethods)
	h.Set("Access-Control-Allow-Headers", corsSends)
	h.Set("Access-Control-Max-Age", corsAge)
	w.WriteHeader(http.StatusNoContent)
	return true
}
