// Package fault defines the kinds of failure in Cicerone. The set is closed: callers test for a
// kind with errors.Is, and each transport maps every kind in one table.
package fault

import (
	"errors"
	"strings"
	"time"
)

// Kind classifies a failure. A Kind is itself an error: errors.Is(err, fault.NotFound) reports
// whether err is a failure of that kind.
type Kind string

// The kinds of failure. transport/httpapi/README.md#refusals defines which one is returned for a
// request to which several apply.
const (
	Unauthenticated    Kind = "unauthenticated"     // the caller is not signed in
	Forbidden          Kind = "forbidden"           // the caller's role does not allow it
	TooLarge           Kind = "too_large"           // the input has too many bytes
	UnsupportedMedia   Kind = "unsupported_media"   // the input has a format that is not accepted
	Malformed          Kind = "malformed"           // the input cannot be parsed
	Invalid            Kind = "invalid"             // the input breaks a rule; see Fields
	NotFound           Kind = "not_found"           // the object does not exist, or the caller may not see it
	Conflict           Kind = "conflict"            // the current state does not allow it
	InsufficientTokens Kind = "insufficient_tokens" // the wallet holds too few tokens
	TooManyRequests    Kind = "too_many_requests"   // the caller has to wait; see RetryAfter
	Unavailable        Kind = "unavailable"         // it cannot be done now, or the outcome is unknown; see RetryAfter
	Unimplemented      Kind = "unimplemented"       // the store does not implement this yet
	Internal           Kind = "internal"            // a defect in Cicerone or in the host program
)

// Error returns the name of the kind in words. It makes a Kind an error, and so a target of
// errors.Is.
func (k Kind) Error() string { return strings.ReplaceAll(string(k), "_", " ") }

// Field describes what is wrong with one field of the input.
type Field struct {
	Name    string // the field's name in requests
	Message string
}

// Error is a failure with a kind, a code that is stable across releases, and a sentence for the
// user. The sentence never contains internals: those are in the error that it wraps.
type Error struct {
	Kind       Kind
	Code       string
	Detail     string
	Fields     []Field       // for Invalid and Malformed: which fields, and why
	RetryAfter time.Duration // for TooManyRequests and Unavailable: how long to wait before a retry
	cause      error
}

// New returns a failure. Packages declare their failures as variables; callers compare with
// errors.Is.
func New(kind Kind, code, detail string) *Error {
	return &Error{Kind: kind, Code: code, Detail: detail}
}

// Error returns the detail, followed by the cause if there is one. The cause is for logs:
// transports send only Detail to clients.
func (e *Error) Error() string {
	if e.cause != nil {
		return e.Detail + ": " + e.cause.Error()
	}
	return e.Detail
}

// Is reports whether target is the error's Kind, or an *Error with the same kind and code. An error
// that a client decoded from a response therefore matches the variable that the server returned.
func (e *Error) Is(target error) bool {
	switch t := target.(type) {
	case Kind:
		return e.Kind == t
	case *Error:
		return e.Kind == t.Kind && e.Code == t.Code
	}
	return false
}

// Unwrap returns the cause, or nil.
func (e *Error) Unwrap() error { return e.cause }

// Wrap returns a copy of the failure that wraps cause.
func (e *Error) Wrap(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// WithDetail returns a copy of the failure with another detail. The copy matches the original with
// errors.Is.
func (e *Error) WithDetail(detail string) *Error {
	c := *e
	c.Detail = detail
	return &c
}

// KindOf returns the kind of the first *Error in err's tree, or else the first Kind in it. It
// returns Internal if the tree has neither, and "" if err is nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	if k, ok := errors.AsType[Kind](err); ok {
		return k
	}
	return Internal
}
