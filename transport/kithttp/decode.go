package kithttp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/edge/failure"
)

// decoder turns an HTTP request into a request struct, by the rules of the package comment.
type decoder struct {
	shape        *shape
	limit        int64
	optionalBody bool
	ignoreBody   bool
	check        func(req any, f *fault.Fields)  // see Checked; may be nil
	parse        func(body []byte, req any) bool // see Parsed; may be nil
}

// decode fills in req, a pointer to a struct of the decoder's shape. The order of its steps is the
// order of the refusals: 413, 415, 400, 422, 404.
func (d decoder) decode(ctx context.Context, r *http.Request, req any) error {
	v := reflect.ValueOf(req).Elem()
	received := &body{}
	if in := intakeOf(r); in != nil {
		if err := in.readAll(ctx, d.limit); err != nil {
			return err
		}
		received = &in.body
	}
	if d.ignoreBody {
		received = &body{}
	}
	if err := checkMedia(r.Header, received.size()); err != nil {
		return err
	}
	var invalid failure.Notes
	if err := d.query(r.URL.RawQuery, v, &invalid); err != nil {
		return err
	}
	if err := d.headers(r.Header, v, &invalid); err != nil {
		return err
	}
	if err := received.decode(ctx, func(b []byte) error { return d.body(b, req, v, &invalid) }); err != nil {
		return err
	}
	if d.check != nil {
		invalid.Check(func(f *fault.Fields) { d.check(v.Interface(), f) })
	}
	if err := invalid.Err(); err != nil {
		return err
	}
	return d.path(r, v)
}

func checkMedia(h http.Header, size int64) error {
	if size == 0 {
		return nil
	}
	for _, coding := range h.Values("Content-Encoding") {
		if coding != "" && !strings.EqualFold(coding, "identity") {
			return unsupported("the body must not have a Content-Encoding")
		}
	}
	types := h.Values("Content-Type")
	if len(types) != 1 {
		return unsupported("the body must be application/json, and there must be one Content-Type header")
	}
	if types[0] == jsonMedia {
		return nil
	}
	media, params, err := mime.ParseMediaType(types[0])
	if err != nil || media != jsonMedia {
		return unsupported("the body must be application/json")
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return unsupported("the body must be UTF-8")
	}
	return nil
}

func (d decoder) query(raw string, v reflect.Value, invalid *failure.Notes) error {
	if raw == "" {
		return fill(d.shape.query, nil, v, invalid)
	}
	if strings.Count(raw, "&") >= maxParameters {
		return failure.Malformed(fmt.Sprintf("the query must have at most %d parameters", maxParameters))
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return failure.Malformed("the query is not correctly encoded").Wrap(err)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		i := slices.IndexFunc(d.shape.query, func(p param) bool { return p.name == name })
		switch {
		case i < 0:
			return failure.MalformedField(name, "is not a query parameter here")
		case len(values[name]) > 1 && !d.shape.query[i].codec.repeated:
			return failure.MalformedField(name, "is given twice")
		case !slices.ContainsFunc(values[name], func(s string) bool { return !utf8.ValidString(s) }):
			continue
		}
		return failure.MalformedField(name, "is not UTF-8")
	}
	return fill(d.shape.query, values, v, invalid)
}

func (d decoder) headers(h http.Header, v reflect.Value, invalid *failure.Notes) error {
	for _, p := range d.shape.header {
		switch values := h[p.name]; {
		case len(values) > 1:
			return failure.MalformedField(p.name, "is given twice")
		case len(values) == 1 && !utf8.ValidString(values[0]):
			return failure.MalformedField(p.name, "is not UTF-8")
		}
	}
	return fill(d.shape.header, h, v, invalid)
}

func fill(params []param, values map[string][]string, v reflect.Value, invalid *failure.Notes) error {
	for _, p := range params {
		texts := values[p.name]
		if len(texts) == 0 {
			if p.required {
				invalid.Add(p.name, failure.Required)
			}
			continue
		}
		if p.maxItems > 0 && len(texts) > p.maxItems {
			invalid.Add(p.name, failure.TooMany(p.maxItems))
			continue
		}
		if err := p.set(v, texts...); err != nil {
			if err := invalid.Refusal(p.name, err); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d decoder) path(r *http.Request, v reflect.Value) error {
	for _, p := range d.shape.path {
		text := r.PathValue(p.name)
		if !utf8.ValidString(text) {
			return failure.NotFound()
		}
		if err := p.set(v, text); err != nil {
			if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.NotFound {
				return f
			}
			return failure.NotFound().Wrap(err)
		}
	}
	return nil
}

func (d decoder) body(body []byte, req any, v reflect.Value, invalid *failure.Notes) error {
	if len(body) == 0 {
		if len(d.shape.members) > 0 && !d.optionalBody {
			return failure.Malformed("a JSON body is required")
		}
		if !d.optionalBody {
			return nil
		}
		body = []byte("{}")
	}
	if d.parse != nil && d.parse(body, req) {
		return nil
	}
	return decodeJSON(body, v, d.shape, invalid)
}

// maxParameters is the greatest number of parameters of a query, more than any route has.
const maxParameters = 500

func unsupported(detail string) error {
	return fault.New(fault.UnsupportedMedia, string(fault.UnsupportedMedia), detail)
}
