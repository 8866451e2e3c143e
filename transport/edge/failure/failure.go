// Package failure does the work that every transport needs after an endpoint failed: it reduces the
// error to the part that the client may see, and maps its kind to a code of the protocol.
//
// The package depends on package fault and on no domain, so that package kithttp can import it.
package failure

import (
	"context"
	"errors"
	"net/http"

	"github.com/cicerone-go/cicerone/core/fault"
)

// Codes are the codes of one kind of failure, one field for each protocol.
type Codes struct {
	HTTP int    // the status
	GRPC uint32 // the number of the code, of which several kinds may have the same
}

// The codes of gRPC that the table has.
const (
	invalidArgument    = 3
	notFound           = 5
	permissionDenied   = 7
	resourceExhausted  = 8
	failedPrecondition = 9
	unimplemented      = 12
	internal           = 13
	unavailable        = 14
	unauthenticated    = 16
)

// table is the only mapping of kinds to codes. It has a row for every kind, and each HTTP status is in
// one row only, so it can be read in both directions. A code of gRPC stands for the first of its rows.
var table = []struct {
	kind  fault.Kind
	codes Codes
}{
	{fault.Malformed, Codes{HTTP: http.StatusBadRequest, GRPC: invalidArgument}},
	{fault.Unauthenticated, Codes{HTTP: http.StatusUnauthorized, GRPC: unauthenticated}},
	{fault.Forbidden, Codes{HTTP: http.StatusForbidden, GRPC: permissionDenied}},
	{fault.NotFound, Codes{HTTP: http.StatusNotFound, GRPC: notFound}},
	{fault.Conflict, Codes{HTTP: http.StatusConflict, GRPC: failedPrecondition}},
	{fault.InsufficientTokens, Codes{HTTP: http.StatusPaymentRequired, GRPC: failedPrecondition}},
	{fault.TooLarge, Codes{HTTP: http.StatusRequestEntityTooLarge, GRPC: invalidArgument}},
	{fault.UnsupportedMedia, Codes{HTTP: http.StatusUnsupportedMediaType, GRPC: invalidArgument}},
	{fault.Invalid, Codes{HTTP: http.StatusUnprocessableEntity, GRPC: invalidArgument}},
	{fault.TooManyRequests, Codes{HTTP: http.StatusTooManyRequests, GRPC: resourceExhausted}},
	{fault.Internal, Codes{HTTP: http.StatusInternalServerError, GRPC: internal}},
	{fault.Unimplemented, Codes{HTTP: http.StatusNotImplemented, GRPC: unimplemented}},
	{fault.Unavailable, Codes{HTTP: http.StatusServiceUnavailable, GRPC: unavailable}},
}

// CodesOf returns the codes of a kind. For an unknown kind, it returns the codes of fault.Internal.
func CodesOf(kind fault.Kind) Codes {
	for _, row := range table {
		if row.kind == kind {
			return row.codes
		}
	}
	return CodesOf(fault.Internal)
}

// KindOf is the inverse of CodesOf, for clients. It returns the kind with matching codes, as in
//
//	failure.KindOf(func(c failure.Codes) bool { return c.HTTP == status })
//
// ok is false if the codes of no kind match.
func KindOf(match func(Codes) bool) (kind fault.Kind, ok bool) {
	for _, row := range table {
		if match(row.codes) {
			return row.kind, true
		}
	}
	return "", false
}

var (
	// Internal is the error that a client sees for a defect of the server.
	Internal = fault.New(fault.Internal, string(fault.Internal), "something went wrong on this side")

	// TimedOut is the error that a client sees if the context of its request ended.
	TimedOut = fault.New(fault.Unavailable, string(fault.Unavailable), "this took too long; try again later")
)

// Public returns the error that a client may see for err, which must not be nil. It returns a
// *fault.Error unchanged: a transport sends its kind, code, detail and fields, but never its cause.
// For a fault.Kind, it returns an error with a detail. For the end of a context it returns
// [TimedOut]. For everything else, and for errors of kind fault.Internal or of an unknown kind, it
// returns [Internal].
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
