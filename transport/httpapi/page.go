package httpapi

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Paging asks for one page of a list. The zero value asks for the first, of 20 items.
type Paging struct {
	Limit  PageLimit `query:"limit" description:"How many items at most."`
	Cursor Cursor    `query:"cursor" description:"The next_cursor of the page before."`
}

// Page is one page of a list.
type Page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor Cursor `json:"next_cursor,omitzero" description:"Asks for the next page; absent on the last one."`
}

// All goes through the items of a list, page by page. It ends after the first error, which it yields
// with a zero item.
//
//	for m, err := range httpapi.All(func(p httpapi.Paging) (httpapi.Page[httpapi.Message], error) {
//		return client.Messages(ctx, conversation, p)
//	}) {
func All[T any](list func(Paging) (Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		paging := Paging{Limit: page.MaxLimit}
		for {
			p, err := list(paging)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range p.Items {
				if !yield(item, nil) {
					return
				}
			}
			if p.NextCursor == "" {
				return
			}
			paging.Cursor = p.NextCursor
		}
	}
}

// PageLimit is how many items a page has at most: 1 to 100, or 0 for the default.
type PageLimit int

// MarshalText implements encoding.TextMarshaler.
func (l PageLimit) MarshalText() ([]byte, error) { return strconv.AppendInt(nil, int64(l), 10), nil }

// UnmarshalText implements encoding.TextUnmarshaler. What is not 1 to 100 is fault.Invalid.
func (l *PageLimit) UnmarshalText(text []byte) error {
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 1 || n > page.MaxLimit {
		return fault.New(fault.Invalid, fault.CodeInvalid, fmt.Sprintf("must be a whole number, 1 to %d", page.MaxLimit))
	}
	*l = PageLimit(n)
	return nil
}

// JSONSchemaBytes describes the type in the OpenAPI document.
func (PageLimit) JSONSchemaBytes() ([]byte, error) {
	return fmt.Appendf(nil, `{"type":"integer","minimum":1,"maximum":%d,"default":%d}`, page.MaxLimit, page.DefaultLimit), nil
}

// Cursor is where a page of a list ended: for the same caller and the same list, filters included. A client
// hands it back as it came.
//
// It is a version, a tag over place and list, and the place, as base64. The tag finds out what was altered
// or taken from elsewhere; it is no secret, and need not be: whoever makes up a place sees only their own.
type Cursor string

const (
	cursorVersion = 1
	cursorTag     = 12 // bytes of a SHA-256
)

// ErrCursor is a cursor that is not one of this list.
var ErrCursor = fault.New(fault.Malformed, "bad_cursor", "is not a cursor of this list")

// MarshalText implements encoding.TextMarshaler.
func (c Cursor) MarshalText() ([]byte, error) { return []byte(c), nil }

// UnmarshalText implements encoding.TextUnmarshaler. What cannot be a cursor of any list is ErrCursor.
func (c *Cursor) UnmarshalText(text []byte) error {
	*c = Cursor(text)
	_, _, err := c.open()
	return err
}

func (c Cursor) open() (tag, place []byte, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(string(c))
	if err != nil || strings.ContainsAny(string(c), "\r\n") || len(b) <= 1+cursorTag || b[0] != cursorVersion {
		return nil, nil, ErrCursor
	}
	return b[1 : 1+cursorTag], b[1+cursorTag:], nil
}

// listing names a list: the route, who asks, and the filters in their normal form.
type listing []byte

func listingOf(ctx context.Context, filters []any) (listing, error) {
	caller, _ := CallerFrom(ctx)
	b, err := json.Marshal([]any{kithttp.RouteFrom(ctx).Name, caller.UserID, filters})
	if err != nil {
		return nil, fmt.Errorf("name a list: %w", err)
	}
	return b, nil
}

func (l listing) tag(place []byte) []byte {
	h := sha256.New()
	fmt.Fprintf(h, "%d %d %s %s", cursorVersion, len(l), l, place)
	return h.Sum(nil)[:cursorTag]
}

func writeCursor[P any](l listing, place P) (Cursor, error) {
	b, err := json.Marshal(place)
	if err != nil {
		return "", fmt.Errorf("write a cursor: %w", err)
	}
	raw := append(append([]byte{cursorVersion}, l.tag(b)...), b...)
	return Cursor(base64.RawURLEncoding.EncodeToString(raw)), nil
}

func readCursor[P any](l listing, c Cursor) (*P, error) {
	if c == "" {
		return nil, nil
	}
	tag, place, err := c.open()
	if err != nil || subtle.ConstantTimeCompare(tag, l.tag(place)) != 1 {
		return nil, wrongCursor()
	}
	after := new(P)
	if err := json.Unmarshal(place, after); err != nil {
		return nil, wrongCursor()
	}
	return after, nil
}

// wrongCursor is ErrCursor with the field that kithttp would name.
func wrongCursor() error {
	refused := ErrCursor.WithDetail("cursor: " + ErrCursor.Detail)
	refused.Fields = []fault.Field{{Name: "cursor", Message: ErrCursor.Detail}}
	return refused
}

// readPage answers one page of a list. filters are all that decides what is in it, beside route and caller:
// what stands in the path, too.
func readPage[T, P, W any](
	ctx context.Context, p Paging, filters []any,
	read func(page.Request[P]) (page.Page[T, P], error), wire func(T) W,
) (Page[W], error) {
	l, err := listingOf(ctx, filters)
	if err != nil {
		return Page[W]{}, err
	}
	after, err := readCursor[P](l, p.Cursor)
	if err != nil {
		return Page[W]{}, err
	}
	found, err := read(page.Request[P]{After: after, Limit: int(p.Limit)})
	if err != nil {
		return Page[W]{}, err
	}
	answer := Page[W]{Items: each(found.Items, wire)}
	if found.Next != nil {
		answer.NextCursor, err = writeCursor(l, *found.Next)
	}
	return answer, err
}

func each[T, W any](items []T, wire func(T) W) []W {
	wired := make([]W, len(items))
	for i, item := range items {
		wired[i] = wire(item)
	}
	return wired
}
