// Package fault holds the kinds of failure that Cicerone knows: a closed set, on which every caller
// can decide with errors.Is, and which each transport translates in one table of its own.
package fault

import (
	"errors"
	"strings"
	"time"
)

// Kind classifies a failure. A Kind is itself an error, so that errors.Is(err, fault.NotFound) asks
// for any failure of that kind.
type Kind string

// The kinds of failure. transport/httpapi/README.md#refusals says which one a request gets that
// deserves several.
const (
	Unauthenticated    Kind = "unauthenticated"     // nobody is signed in
	Forbidden          Kind = "forbidden"           // not allowed to this role
	TooLarge           Kind = "too_large"           // more bytes than are taken
	UnsupportedMedia   Kind = "unsupported_media"   // not a format that is taken
	Malformed          Kind = "malformed"           // cannot be understood at all
	Invalid            Kind = "invalid"             // understood, and against a rule; names its fields
	NotFound           Kind = "not_found"           // absent, or not the caller's to see
	Conflict           Kind = "conflict"            // against the present state
	InsufficientTokens Kind = "insufficient_tokens" // the wallet holds too few tokens
	TooManyRequests    Kind = "too_many_requests"   // later, see RetryAfter
	Unavailable        Kind = "unavailable"         // the store cannot be reached or cannot say; see RetryAfter
	Unimplemented      Kind = "unimplemented"       // the store does not implement this yet
	Internal           Kind = "internal"            // a defect, ours or the host's
)

// Error makes a Kind usable as the target of errors.Is.
func (k Kind) Error() string { return strings.ReplaceAll(string(k), "_", " ") }

// Field says what is wrong with one field of the input. Name is the field's name on the wire.
type Field struct {
	Name    string
	Message string
}

// Error is a failure with a kind, a code that stays the same between releases, and a sentence for
// the person who meets it. It never carries internals: those are in the error that it wraps.
type Error struct {
	Kind       Kind
	Code       string
	Detail     string
	Fields     []Field       // for Invalid and Malformed: which fields, and why
	RetryAfter time.Duration // for TooManyRequests and Unavailable: when another try makes sense
	cause      error
}

// New makes a failure. Packages keep theirs in variables and compare with errors.Is.
func New(kind Kind, code, detail string) *Error {
	return &Error{Kind: kind, Code: code, Detail: detail}
}

// Error is the detail, and behind it the cause, which is for logs and never for a client.
func (e *Error) Error() string {
	if e.cause != nil {
		return e.Detail + ": " + e.cause.Error()
	}
	return e.Detail
}

// Is holds for the error's Kind, and for every failure with the same kind and code, so that an
// error which has been over the wire still matches the variable it came from.
func (e *Error) Is(target error) bool {
	switch t := target.(type) {
	case Kind:
		return e.Kind == t
	case *Error:
		return e.Kind == t.Kind && e.Code == t.Code
	}
	return false
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.cause }

// Because returns a copy of the failure that wraps its cause.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// WithDetail returns a copy of the failure with another sentence; errors.Is holds between the two.
func (e *Error) WithDetail(detail string) *Error {
	c := *e
	c.Detail = detail
	return &c
}

// KindOf returns the kind of err: of the first *Error or Kind in its tree, else Internal.
// It returns "" for nil.
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
