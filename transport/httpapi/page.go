package httpapi

import (
	"context"
	"fmt"
	"iter"
	"strconv"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/transport/edge"
)

// Paging asks for one page of a list. The zero value asks for the first page, of 20 items.
type Paging struct {
	Limit  PageLimit `query:"limit" description:"The greatest number of items."`
	Cursor Cursor    `query:"cursor" description:"The next_cursor of the previous page."`
}

// page marks the requests that have a Paging.
func (Paging) page() {}

// Page is one page of a list.
type Page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor Cursor `json:"next_cursor,omitzero" description:"The cursor of the next page; absent on the last page."`
}

// All returns an iterator over the items of a list, which it reads page by page. It ends after the
// first error, which it yields with a zero item.
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
				var zero T
				yield(zero, err)
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

// PageLimit is the greatest number of items of a page: 1 to 100, or 0 for the default.
type PageLimit int

// MarshalText implements encoding.TextMarshaler.
func (l PageLimit) MarshalText() ([]byte, error) { return strconv.AppendInt(nil, int64(l), 10), nil }

// UnmarshalText implements encoding.TextUnmarshaler. It returns fault.Invalid unless the text is a
// number from 1 to 100.
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

// Cursor is the place where a page of a list ended. It is valid for the same caller and the same
// list with the same filters. A client sends it back unchanged.
type Cursor string

// MarshalText implements encoding.TextMarshaler.
func (c Cursor) MarshalText() ([]byte, error) { return []byte(c), nil }

// UnmarshalText implements encoding.TextUnmarshaler. It returns edge.ErrCursor for text that cannot
// be a cursor of any list.
func (c *Cursor) UnmarshalText(text []byte) error {
	*c = Cursor(text)
	return edge.CheckCursor(string(text))
}

// readPage reads one page of a list with [edge.ReadPage], and turns its items into wire types.
func readPage[T, P, W any](
	ctx context.Context, c *edge.Cursors, p Paging, filters []any,
	read func(page.Request[P]) (page.Page[T, P], error), wire func(T) W,
) (Page[W], error) {
	items, next, err := edge.ReadPage(ctx, c, string(p.Cursor), int(p.Limit), filters, read)
	if err != nil {
		return Page[W]{}, err
	}
	return Page[W]{Items: each(items, wire), NextCursor: Cursor(next)}, nil
}

func each[T, W any](items []T, wire func(T) W) []W {
	wired := make([]W, len(items))
	for i, item := range items {
		wired[i] = wire(item)
	}
	return wired
}
