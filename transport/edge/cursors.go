package edge

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
)

// ErrCursor is returned for a cursor that does not belong to the list.
var ErrCursor = fault.New(fault.Malformed, "bad_cursor", "is not a cursor of this list")

// CursorKeySize is the smallest number of bytes of a cursor key.
const CursorKeySize = keySize

// A cursor is a version, a tag and a place, as base64 that is safe in a URL. The tag authenticates
// the place, and binds it to a list. The place is not secret: the client got it with the previous
// page.
const cursorVersion = 2

// Cursors turns the place where a page of a list ends into a cursor, and a cursor back into the
// place for the next page. A cursor is bound to the operation, the filters and the caller of its
// list, but not to the number of items on a page. Cursors is safe for concurrent use.
type Cursors struct{ keys keyRing }

// NewCursors returns Cursors that make cursors with the first key, and accept those of every key.
// To change keys, put the new key in front, and remove the old one later. NewCursors returns an
// error if there is no key, if a key has fewer than [CursorKeySize] bytes, or if two keys are
// equal.
func NewCursors(keys ...[]byte) (*Cursors, error) {
	r, err := newKeyRing("cursor", keys)
	if err != nil {
		return nil, err
	}
	return &Cursors{r}, nil
}

// RandomCursors returns Cursors with a random key. No other Cursors accept the cursors that they
// make.
func RandomCursors() *Cursors { return &Cursors{randomKeyRing()} }

// DeriveCursorKey derives a cursor key from another secret key, such as that of access tokens, with
// HKDF-SHA-256. The same secret gives the same key, from which the secret cannot be computed. It
// returns an error if the secret has fewer than [CursorKeySize] bytes.
func DeriveCursorKey(secret []byte) ([]byte, error) { return deriveKey("cursor", secret) }

// CheckCursor returns ErrCursor for text that cannot be a cursor of any list. A transport can call
// it while it decodes a request. Empty text is not a cursor.
func CheckCursor(cursor string) error {
	_, _, err := splitCursor(cursor)
	return err
}

func splitCursor(cursor string) (tag, place []byte, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || strings.ContainsAny(cursor, "\r\n") || len(b) <= 1+tagSize || b[0] != cursorVersion {
		return nil, nil, ErrCursor
	}
	return b[1 : 1+tagSize], b[1+tagSize:], nil
}

// ReadPage reads one page of the list that the [Call] of the context names. An empty cursor asks
// for the first page; limit is the Limit of page.Request. filters are all values that select the
// list's items, in their normal form and without the operation and the caller; values in the path
// of a request are filters, too. next is the cursor of the next page, or "" on the last page.
// ReadPage calls read once, or not at all if it refuses the cursor.
//
// Errors: ErrCursor, which names the field "cursor", and the errors of read.
func ReadPage[T, P any](
	ctx context.Context, c *Cursors, cursor string, limit int, filters []any,
	read func(page.Request[P]) (page.Page[T, P], error),
) (items []T, next string, err error) {
	list, err := listOf(ctx, filters)
	if err != nil {
		return nil, "", err
	}
	request := page.Request[P]{Limit: limit}
	if cursor != "" {
		request.After = new(P)
		if err := c.open(list, cursor, request.After); err != nil {
			return nil, "", err
		}
	}
	found, err := read(request)
	if err != nil {
		return nil, "", err
	}
	if found.Next != nil {
		if next, err = c.seal(list, *found.Next); err != nil {
			return nil, "", err
		}
	}
	return found.Items, next, nil
}

// listOf returns the name of a list, made of its operation, the caller and the filters.
func listOf(ctx context.Context, filters []any) ([]byte, error) {
	caller, _ := CallerFrom(ctx)
	b, err := appendFilters(append(make([]byte, 0, usualName), '['), CallFrom(ctx).Operation, caller.UserID, filters)
	if err != nil {
		return nil, fmt.Errorf("edge: name a list: %w", err)
	}
	return append(b, ']'), nil
}

// usualName is about the greatest number of bytes of the name of a list.
const usualName = 128

// appendFilters appends values as the items of an array, in the JSON of package encoding/json. Those
// of the lists that are read most take little time.
func appendFilters(b []byte, values ...any) ([]byte, error) {
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		switch v := v.(type) {
		case id.User:
			b = appendID(b, v)
		case id.Conversation:
			b = appendID(b, v)
		case int:
			b = strconv.AppendInt(b, int64(v), 10)
		case string:
			b, err = appendText(b, v)
		case []id.Interest:
			if v == nil {
				b = append(b, "null"...)
				continue
			}
			b = append(b, '[')
			for i, one := range v {
				if i > 0 {
					b = append(b, ',')
				}
				b = appendID(b, one)
			}
			b = append(b, ']')
		case []any:
			if v == nil {
				b = append(b, "null"...)
			} else if b, err = appendFilters(append(b, '['), v...); err == nil {
				b = append(b, ']')
			}
		default:
			b, err = appendGeneral(b, v)
		}
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

func appendGeneral(b []byte, v any) ([]byte, error) {
	general, err := json.Marshal(v)
	return append(b, general...), err
}

// appendText appends a text, which nearly always needs no escape.
func appendText(b []byte, s string) ([]byte, error) {
	for _, c := range []byte(s) {
		if c < ' ' || c >= 0x7f || strings.IndexByte(`"\<>&`, c) >= 0 {
			return appendGeneral(b, s)
		}
	}
	return append(append(append(b, '"'), s...), '"'), nil
}

func appendID[E any](b []byte, i id.ID[E]) []byte {
	b, _ = i.AppendText(append(b, '"')) // it never fails
	return append(b, '"')
}

// marshal returns the JSON of a place, as package encoding/json does.
func marshal(place any) ([]byte, error) {
	moment, ok := place.(page.Moment)
	if y := moment.At.Year(); !ok || y < 0 || y > 9999 || moment.At.Location() != time.UTC {
		return json.Marshal(place)
	}
	b := moment.At.AppendFormat(append(make([]byte, 0, usualName), `{"At":"`...), time.RFC3339Nano)
	b = append(b, `","ID":[`...)
	for i, c := range moment.ID {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(c), 10)
	}
	return append(b, "]}"...), nil
}

func (c *Cursors) seal(list []byte, place any) (string, error) {
	b, err := marshal(place)
	if err != nil {
		return "", fmt.Errorf("edge: write a cursor: %w", err)
	}
	raw := slices.Concat([]byte{cursorVersion}, c.keys.tag(cursorVersion, list, b), b)
	return base64.RawURLEncoding.EncodeToString(raw), nil
}

func (c *Cursors) open(list []byte, cursor string, place any) error {
	tag, b, err := splitCursor(cursor)
	if err != nil || !c.keys.verify(tag, cursorVersion, list, b) {
		return refusedCursor(nil)
	}
	if err := json.Unmarshal(b, place); err != nil { // made by a release with another type of place
		return refusedCursor(err)
	}
	return nil
}

// refusedCursor returns ErrCursor for the field "cursor", as a transport does if it cannot decode
// the field.
func refusedCursor(cause error) error {
	refused := ErrCursor.WithDetail("cursor: " + ErrCursor.Detail)
	refused.Fields = []fault.Field{{Name: "cursor", Message: ErrCursor.Detail}}
	if cause != nil {
		return refused.Wrap(cause)
	}
	return refused
}
