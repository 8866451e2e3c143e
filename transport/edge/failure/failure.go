// Package failure holds what every transport does after an endpoint failed: it reduces the error
// to what the client may see, and gives it the code of the protocol.
//
// The package knows the kinds of package fault and no domain, so that package kithttp can import it.
package failure

import (
	"context"
	"errors"
	"net/http"

	"github.com/cicerone-go/cicerone/core/fault"
)

// Codes are the codes of one kind of failure, one field for each protocol.
type Codes struct {
	HTTP int // a status
}

// table is the only place where kinds and codes meet. It has a row for every kind, and no code
// stands in two rows, so that it can be read in both directions.
var table = []struct {
	kind  fault.Kind
	codes Codes
}{
	{fault.Malformed, Codes{HTTP: http.StatusBadRequest}},
	{fault.Unauthenticated, Codes{HTTP: http.StatusUnauthorized}},
	{fault.InsufficientTokens, Codes{HTTP: http.StatusPaymentRequired}},
	{fault.Forbidden, Codes{HTTP: http.StatusForbidden}},
	{fault.NotFound, Codes{HTTP: http.StatusNotFound}},
	{fault.Conflict, Codes{HTTP: http.StatusConflict}},
	{fault.TooLarge, Codes{HTTP: http.StatusRequestEntityTooLarge}},
	{fault.UnsupportedMedia, Codes{HTTP: http.StatusUnsupportedMediaType}},
	{fault.Invalid, Codes{HTTP: http.StatusUnprocessableEntity}},
	{fault.TooManyRequests, Codes{HTTP: http.StatusTooManyRequests}},
	{fault.Internal, Codes{HTTP: http.StatusInternalServerError}},
	{fault.Unimplemented, Codes{HTTP: http.StatusNotImplemented}},
	{fault.Unavailable, Codes{HTTP: http.StatusServiceUnavailable}},
}

// CodesOf returns the codes of a kind. An unknown kind has those of fault.Internal.
func CodesOf(kind fault.Kind) Codes {
	for _, row := range table {
		if row.kind == kind {
			return row.codes
		}
	}
	return CodesOf(fault.Internal)
}

// KindOf is the inverse of CodesOf, for clients: it returns the kind whose codes match, as in
//
//	failure.KindOf(func(c failure.Codes) bool { return c.HTTP == status })
//
// ok is false if no kind's codes do.
func KindOf(match func(Codes) bool) (kind fault.Kind, ok bool) {
	for _, row := range table {
		if match(row.codes) {
			return row.kind, true
		}
	}
	return "", false
}

var (
	// Internal is what a client sees of a defect.
	Internal = fault.New(fault.Internal, string(fault.Internal), "something went wrong on this side")

	// TimedOut is what a client sees of a request whose context ended.
	TimedOut = fault.New(fault.Unavailable, string(fault.Unavailable), "this took too long; try again later")
)

// Public reduces an error, which must not be nil, to what a client may see. A *fault.Error is
// returned as it is: a transport sends its kind, code, detail and fields, and never its cause. A
// bare fault.Kind gets a detail. The end of a context is [TimedOut]. Everything else, and every
// error of kind fault.Internal or of an unknown kind, is [Internal].
func Public(err error) *fault.Error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		switch kind := fault.KindOf(err); {
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
			return TimedOut
		case !isInternal(kind):
			return fault.New(kind, string(kind), http.StatusText(CodesOf(kind).HTTP))
		}
		return Internal
	}
	if isInternal(f.Kind) {
		return Internal
	}
	return f
}

func isInternal(kind fault.Kind) bool { return CodesOf(kind) == CodesOf(fault.Internal) }
