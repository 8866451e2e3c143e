package kithttp_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// label is a type with UnmarshalText, which returns a plain error.
type label struct{ text string }

var errLabel = errors.New("label: want lower case")

func (l label) MarshalText() ([]byte, error) { return []byte(l.text), nil }
func (l *label) UnmarshalText(b []byte) error {
	if string(b) != strings.ToLower(string(b)) {
		return errLabel
	}
	l.text = string(b)
	return nil
}

// price is a type with UnmarshalText, which returns a *fault.Error.
type price struct{ text string }

var errPrice = fault.New(fault.Invalid, "bad_price", "must be digits")

func (p price) MarshalText() ([]byte, error) { return []byte(p.text), nil }
func (p *price) UnmarshalText(b []byte) error {
	switch {
	case len(b) > 9:
		return fault.New(fault.TooLarge, "too_long", "has too many digits")
	case strings.Trim(string(b), "0123456789") != "":
		return errPrice
	}
	p.text = string(b)
	return nil
}

// flags is a type with UnmarshalJSON.
type flags []string

func (f *flags) UnmarshalJSON(b []byte) error {
	var m map[string]bool
	if err := json.Unmarshal(b, &m); err != nil {
		return err
	}
	for name := range m {
		*f = append(*f, name)
	}
	return nil
}

// pair is a type with UnmarshalJSONFrom.
type pair struct{ a, b int }

func (p *pair) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '[' {
		if err := dec.SkipValue(); err != nil {
			return err
		}
		return fault.New(fault.Conflict, "no_pair", "this is not a pair")
	}
	var list []int
	if err := jsonv2.UnmarshalDecode(dec, &list); err != nil {
		return err
	}
	if len(list) != 2 {
		return errors.New("a pair has two numbers")
	}
	p.a, p.b = list[0], list[1]
	return nil
}

type uid [16]byte

func (u uid) MarshalText() ([]byte, error) {
	return []byte(strings.TrimRight(string(u[:]), "\x00")), nil
}
func (u *uid) UnmarshalText(b []byte) error {
	if len(b) > 16 {
		return errors.New("too long")
	}
	*u = uid{}
	copy(u[:], b)
	return nil
}

type status string

type item struct {
	Name  string `json:"name" required:"true"`
	Count int64  `json:"count,omitzero"`
}

type paging struct {
	Limit  *int   `query:"limit" description:"the greatest number of items" minimum:"1" maximum:"100"`
	Cursor string `query:"cursor"`
}

// everything is a request with every kind of field.
type everything struct {
	ID    label  `path:"id"`
	Index int64  `path:"index"`
	UID   uid    `path:"uid"`
	Kind  status `path:"kind"`
	paging
	Flag    *bool                    `query:"flag"`
	Tags    []string                 `query:"tag"`
	Labels  []label                  `query:"label"`
	Numbers []int                    `query:"number"`
	Since   *time.Time               `query:"since"`
	Price   *price                   `query:"price"`
	Must    string                   `query:"must" required:"true"`
	Key     *string                  `header:"Idempotency-Key"`
	Version int                      `header:"X-Version"`
	Name    string                   `json:"name" required:"true"`
	Note    *string                  `json:"note,omitzero"`
	Role    *status                  `json:"role,omitzero" nullable:"false"`
	Count   int                      `json:"count"`
	Small   uint8                    `json:"small"`
	Ratio   float64                  `json:"ratio"`
	Ready   bool                     `json:"ready"`
	Cost    price                    `json:"cost"`
	Tag     label                    `json:"tag"`
	At      *time.Time               `json:"at"`
	Items   []item                   `json:"items"`
	First   *item                    `json:"first"`
	ByName  map[string]int           `json:"by_name"`
	Data    []byte                   `json:"data"`
	Flags   flags                    `json:"flags,omitzero"`
	Extra   jsontext.Value           `json:"extra,omitzero"`
	Bio     kithttp.Optional[string] `json:"bio,omitzero"`
	Nested  kithttp.Optional[item]   `json:"nested,omitzero"`
	Fixed   kithttp.Optional[int]    `json:"fixed,omitzero" nullable:"false"`
}

// rename is a typical request.
type rename struct {
	ID     label                    `path:"id"`
	Dry    *bool                    `query:"dry"`
	Name   string                   `json:"name" required:"true"`
	Size   int                      `json:"size" required:"true"`
	Bio    kithttp.Optional[string] `json:"bio,omitzero"`
	Role   kithttp.Optional[string] `json:"role,omitzero" nullable:"false"`
	Cost   price                    `json:"cost"`
	Tag    label                    `json:"tag"`
	At     *time.Time               `json:"at"`
	Items  []item                   `json:"items"`
	Flags  flags                    `json:"flags"`
	Extra  jsontext.Value           `json:"extra"`
	Data   []byte                   `json:"data"`
	Counts map[string]uint8         `json:"counts"`
	Sure   bool                     `json:"sure"`
	Pair   pair                     `json:"pair,omitzero"`
	Ratio  float64                  `json:"ratio"`
}

type thing struct {
	ID    label          `json:"id"`
	Name  string         `json:"name"`
	Tags  []string       `json:"tags"`
	Note  *string        `json:"note"`
	Extra jsontext.Value `json:"extra,omitzero"`
}

type key struct {
	ID label `path:"id"`
}

type listThings struct {
	paging
	Tags []string `query:"tag"`
	Key  *string  `header:"Idempotency-Key"`
}

var (
	renameThing = kithttp.Route[rename, thing]{Name: "renameThing", Method: http.MethodPost, Path: "/things/{id}", Tags: []string{"things"}, Summary: "Rename a thing", Security: []string{"bearer"}, Faults: []*fault.Error{fault.New(fault.Conflict, "taken", "it is taken"), fault.New(fault.TooManyRequests, "too_fast", ""), fault.New(fault.TooManyRequests, "slow_down", "")}, Headers: []kithttp.Header{{Name: "X-Old-Name", Description: "The old name."}}}
	getThing    = kithttp.Route[key, thing]{Name: "getThing", Method: http.MethodGet, Path: "/things/{id}"}
	dropThing   = kithttp.Route[key, kithttp.None]{Name: "dropThing", Method: http.MethodDelete, Path: "/things/{id}"}
	list        = kithttp.Route[listThings, page[thing]]{Name: "listThings", Method: http.MethodGet, Path: "/things"}
)

type page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next_cursor,omitzero"`
}

// serve starts an HTTP server, and returns its URL and a client of it.
func serve(t *testing.T, s http.Handler, opts ...kithttp.ClientOption) (string, *kithttp.Client) {
	t.Helper()
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	c, err := kithttp.NewClient(h.URL, append([]kithttp.ClientOption{kithttp.WithHTTPClient(h.Client())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return h.URL, c
}

// answer returns a handler that always returns the same response and error.
func answer[Req, Resp any](resp Resp, err error) func(context.Context, Req) (Resp, error) {
	return func(context.Context, Req) (Resp, error) { return resp, err }
}
