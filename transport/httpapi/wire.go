package httpapi

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Time is a moment in JSON. It is read as RFC 3339 with any offset and precision, and written in
// UTC with milliseconds.
type Time time.Time

// String returns the moment in RFC 3339, in UTC with milliseconds.
func (t Time) String() string { return time.Time(t).UTC().Format(timeFormat) }

const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// MarshalText implements encoding.TextMarshaler as String.
func (t Time) MarshalText() ([]byte, error) { return t.AppendText(nil) }

// AppendText implements encoding.TextAppender as String. AppendFormat has a fast path for
// time.RFC3339 only, so the milliseconds are added here: 1000 more keeps their leading zeros, and
// the point replaces that digit.
func (t Time) AppendText(b []byte) ([]byte, error) {
	utc := time.Time(t).UTC()
	b = utc.AppendFormat(b, time.RFC3339)
	end := len(b) - len("Z")
	b = strconv.AppendInt(b[:end], 1000+int64(utc.Nanosecond())/1e6, 10)
	b[end] = '.'
	return append(b, 'Z'), nil
}

// UnmarshalText implements encoding.TextUnmarshaler. It returns fault.Invalid unless the text is in
// RFC 3339.
func (t *Time) UnmarshalText(text []byte) error {
	s := strings.ToUpper(string(text)) // RFC 3339 allows t and z in lower case
	parsed, err := time.Parse(time.RFC3339, s)
	if err != nil || !rfc3339.MatchString(s) {
		return fault.New(fault.Invalid, fault.CodeInvalid, "must be a time like 2026-07-01T10:00:00Z")
	}
	*t = Time(parsed)
	return nil
}

// rfc3339 refuses forms that package time accepts but RFC 3339 does not: a comma, an hour of one
// digit, and an offset of 24 hours.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// JSONSchemaBytes describes the type in the OpenAPI document.
func (Time) JSONSchemaBytes() ([]byte, error) {
	return []byte(`{"type":"string","format":"date-time"}`), nil
}

// orNull returns a pointer to v, or nil if v is the zero value, which is null in JSON.
func orNull[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	p := new(T) // &v would take memory for the zero value, too
	*p = v
	return p
}

// notZero returns p, or nil if it points to the zero value, which is null in JSON.
func notZero[T comparable](p *T) *T {
	var zero T
	if *p == zero {
		return nil
	}
	return p
}

// orZero returns the value of p, or the zero value if p is nil.
func orZero[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// change returns the new value for a field of a PATCH: nil to keep the value if the field is
// absent, and the zero value if it is null.
func change[T any](o kithttp.Optional[T]) *T {
	if !o.Set {
		return nil
	}
	return &o.Value
}

// pathID is an identifier in a path. A malformed one is read as the zero identifier, which no
// record has. The request is then refused with a 404, and only after all other refusals.
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

// keyed is embedded in requests that a client may repeat with an idempotency key.
type keyed struct {
	Key keyHeader `header:"Idempotency-Key" description:"A key of your choice for this request. If you repeat the request with the same key, it is executed only once." minLength:"1" maxLength:"128"`
}

func (k keyed) key() idempotency.Key { return idempotency.Key(k.Key) }

type keyHeader string

// MarshalText implements encoding.TextMarshaler.
func (k keyHeader) MarshalText() ([]byte, error) { return []byte(k), nil }

// UnmarshalText implements encoding.TextUnmarshaler as idempotency.ParseKey.
func (k *keyHeader) UnmarshalText(text []byte) error {
	return (*idempotency.Key)(k).UnmarshalText(text)
}
