package httpapi

import (
	"regexp"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Time is a moment as it travels: taken as RFC 3339 with any offset and precision, answered in UTC with
// milliseconds.
type Time time.Time

// String is the moment as it is answered.
func (t Time) String() string { return time.Time(t).UTC().Format("2006-01-02T15:04:05.000Z07:00") }

// MarshalText implements encoding.TextMarshaler as String.
func (t Time) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. What is not RFC 3339 is fault.Invalid.
func (t *Time) UnmarshalText(text []byte) error {
	s := strings.ToUpper(string(text)) // T and Z may be small
	parsed, err := time.Parse(time.RFC3339, s)
	if err != nil || !rfc3339.MatchString(s) {
		return fault.New(fault.Invalid, fault.CodeInvalid, "must be a time like 2026-07-01T10:00:00Z")
	}
	*t = Time(parsed)
	return nil
}

// rfc3339 refuses what the standard library takes besides: a comma, one digit for the hour, an offset of 24 hours.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// JSONSchemaBytes describes the type in the OpenAPI document.
func (Time) JSONSchemaBytes() ([]byte, error) {
	return []byte(`{"type":"string","format":"date-time"}`), nil
}

// orNull is nil for a zero value: what is empty is null.
func orNull[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// orZero is the inverse of orNull, for input.
func orZero[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// change is what a field of a PATCH asks for: nil leaves what is there, and null clears it.
func change[T any](o kithttp.Optional[T]) *T {
	if !o.Set {
		return nil
	}
	return &o.Value
}

// pathID is an identifier in a path. A malformed one is read as the zero identifier, which names nothing,
// so that it is not found after whatever else is wrong with the request was told.
type pathID [16]byte

// MarshalText implements encoding.TextMarshaler.
func (p pathID) MarshalText() ([]byte, error) { return id.Subject(p).MarshalText() }

// UnmarshalText implements encoding.TextUnmarshaler. It never fails.
func (p *pathID) UnmarshalText(text []byte) error {
	var known id.Subject
	if known.UnmarshalText(text) != nil {
		known = id.Subject{}
	}
	*p = pathID(known)
	return nil
}

// keyed is what a request holds that may be repeated safely.
type keyed struct {
	Key keyHeader `header:"Idempotency-Key" description:"Your name for this request: repeated with it, it is done once." minLength:"1" maxLength:"128"`
}

func (k keyed) key() idempotency.Key { return idempotency.Key(k.Key) }

type keyHeader string

// MarshalText implements encoding.TextMarshaler.
func (k keyHeader) MarshalText() ([]byte, error) { return []byte(k), nil }

// UnmarshalText implements encoding.TextUnmarshaler as idempotency.ParseKey.
func (k *keyHeader) UnmarshalText(text []byte) error {
	return (*idempotency.Key)(k).UnmarshalText(text)
}
