package edge

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/page"
)

// ErrCursor is returned for a cursor that does not belong to the list.
var ErrCursor = fault.New(fault.Malformed, "bad_cursor", "is not a cursor of this list")

// CursorKeySize is the smallest number of bytes of a cursor key.
const CursorKeySize = sha256.Size

// A cursor is a version, a tag and a place, as base64 that is safe in a URL. The tag authenticates
// the place, and binds it to a list. The place is not secret: the client got it with the previous
// page.
const (
	cursorVersion = 2
	cursorTag     = 16 // bytes of an HMAC-SHA-256
)

// Cursors turns the place where a page of a list ends into a cursor, and a cursor back into the
// place for the next page. A cursor is bound to the operation, the filters and the caller of its
// list, but not to the number of items on a page. Cursors is safe for concurrent use.
type Cursors struct{ keys [][]byte }

// NewCursors returns Cursors that make cursors with the first key, and accept those of every key.
// To change keys, put the new key in front, and remove the old one later. NewCursors returns an
// error if there is no key, if a key has fewer than [CursorKeySize] bytes, or if two keys are
// equal.
func NewCursors(keys ...[]byte) (*Cursors, error) {
	if len(keys) == 0 {
		return nil, errors.New("edge: no cursor key")
	}
	c := &Cursors{}
	for i, key := range keys {
		if len(key) < CursorKeySize {
			return nil, fmt.Errorf("edge: cursor key %d has %d bytes: must have %d or more", i+1, len(key), CursorKeySize)
		}
		if slices.ContainsFunc(c.keys, func(k []byte) bool { return hmac.Equal(k, key) }) {
			return nil, fmt.Errorf("edge: cursor key %d is given twice", i+1)
		}
		c.keys = append(c.keys, slices.Clone(key))
	}
	return c, nil
}

// RandomCursors returns Cursors with a random key. No other Cursors accept the cursors that they
// make.
func RandomCursors() *Cursors {
	key := make([]byte, CursorKeySize)
	rand.Read(key) // never fails
	return &Cursors{keys: [][]byte{key}}
}

// DeriveCursorKey derives a cursor key from another secret key, such as that of access tokens, with
// HKDF-SHA-256. The same secret gives the same key, from which the secret cannot be computed. It
// returns an error if the secret has fewer than [CursorKeySize] bytes.
func DeriveCursorKey(secret []byte) ([]byte, error) {
	if len(secret) < CursorKeySize {
		return nil, fmt.Errorf("edge: derive a cursor key: the secret has %d bytes: must have %d or more", len(secret), CursorKeySize)
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "cicerone cursor key", CursorKeySize)
	if err != nil {
		return nil, fmt.Errorf("edge: derive a cursor key: %w", err)
	}
	return key, nil
}

// CheckCursor returns ErrCursor for text that cannot be a cursor of any list. A transport can call
// it while it decodes a request. Empty text is not a cursor.
func CheckCursor(cursor string) error {
	_, _, err := splitCursor(cursor)
	return err
}

func splitCursor(cursor string) (tag, place []byte, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || strings.ContainsAny(cursor, "\r\n") || len(b) <= 1+cursorTag || b[0] != cursorVersion {
		return nil, nil, ErrCursor
	}
	return b[1 : 1+cursorTag], b[1+cursorTag:], nil
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
	b, err := json.Marshal([]any{CallFrom(ctx).Operation, caller.UserID, filters})
	if err != nil {
		return nil, fmt.Errorf("edge: name a list: %w", err)
	}
	return b, nil
}

func (c *Cursors) seal(list []byte, place any) (string, error) {
	b, err := json.Marshal(place)
	if err != nil {
		return "", fmt.Errorf("edge: write a cursor: %w", err)
	}
	raw := slices.Concat([]byte{cursorVersion}, tagOf(c.keys[0], list, b), b)
	return base64.RawURLEncoding.EncodeToString(raw), nil
}

func (c *Cursors) open(list []byte, cursor string, place any) error {
	tag, b, err := splitCursor(cursor)
	if err != nil || !slices.ContainsFunc(c.keys, func(key []byte) bool { return hmac.Equal(tag, tagOf(key, list, b)) }) {
		return refusedCursor(nil)
	}
	if err := json.Unmarshal(b, place); err != nil { // made by a release with another type of place
		return refusedCursor(err)
	}
	return nil
}

// tagOf hashes the length of the list's name first, so that no part of the name can pass as the
// place.
func tagOf(key, list, place []byte) []byte {
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "%d %d %s %s", cursorVersion, len(list), list, place)
	return h.Sum(nil)[:cursorTag]
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
