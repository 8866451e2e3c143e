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
)

// decoder turns an HTTP request into a request struct, by the rules of the package comment.
type decoder struct {
	shape        *shape
	limit        int64
	optionalBody bool
	ignoreBody   bool
	check        func(req any, f *fault.Fields) // see Checked; may be nil
}

// decode fills in req, a pointer to a struct of the decoder's shape. The order of its steps is the
// order of the refusals: 413, 415, 400, 422, 404.
func (d decoder) decode(ctx context.Context, r *http.Request, req any) error {
	v := reflect.ValueOf(req).Elem()
	received := &body{}
	if in := intakeOf(ctx); in != nil {
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
	var invalid notes
	if err := d.query(r.URL.RawQuery, v, &invalid); err != nil {
		return err
	}
	if err := d.headers(r.Header, v, &invalid); err != nil {
		return err
	}
	if err := received.decode(ctx, func(b []byte) error { return d.body(b, v, &invalid) }); err != nil {
		return err
	}
	if invalid.count > 0 && d.check != nil {
		var more fault.Fields
		d.check(v.Interface(), &more)
		invalid.collect(more.Err())
	}
	if err := invalid.err(); err != nil {
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
	media, params, err := mime.ParseMediaType(types[0])
	if err != nil || media != "application/json" {
		return unsupported("the body must be application/json")
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return unsupported("the body must be UTF-8")
	}
	return nil
}

func (d decoder) query(raw string, v reflect.Value, invalid *notes) error {
	values := url.Values{}
	if strings.Count(raw, "&") >= maxParameters {
		return malformed(fmt.Sprintf("the query must have at most %d parameters", maxParameters))
	}
	if raw != "" {
		var err error
		if values, err = url.ParseQuery(raw); err != nil {
			return malformed("the query is not correctly encoded").Wrap(err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		i := slices.IndexFunc(d.shape.query, func(p param) bool { return p.name == name })
		switch {
		case i < 0:
			return malformedField(name, "is not a query parameter here")
		case len(values[name]) > 1 && !d.shape.query[i].codec.repeated:
			return malformedField(name, "is given twice")
		case !slices.ContainsFunc(values[name], func(s string) bool { return !utf8.ValidString(s) }):
			continue
		}
		return malformedField(name, "is not UTF-8")
	}
	return fill(d.shape.query, values, v, invalid)
}

func (d decoder) headers(h http.Header, v reflect.Value, invalid *notes) error {
	for _, p := range d.shape.header {
		switch values := h[p.name]; {
		case len(values) > 1:
			return malformedField(p.name, "is given twice")
		case len(values) == 1 && !utf8.ValidString(values[0]):
			return malformedField(p.name, "is not UTF-8")
		}
	}
	return fill(d.shape.header, h, v, invalid)
}

func fill(params []param, values map[string][]string, v reflect.Value, invalid *notes) error {
	for _, p := range params {
		texts := values[p.name]
		if len(texts) == 0 {
			if p.required {
				invalid.add(p.name, isRequired)
			}
			continue
		}
		if p.maxItems > 0 && len(texts) > p.maxItems {
			invalid.add(p.name, tooMany(p.maxItems))
			continue
		}
		if err := p.set(v, texts); err != nil {
			if err := invalid.refusal(p.name, err); err != nil {
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
			return notFound()
		}
		if err := p.set(v, []string{text}); err != nil {
			if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.NotFound {
				return f
			}
			return notFound().Wrap(err)
		}
	}
	return nil
}

func (d decoder) body(body []byte, v reflect.Value, invalid *notes) error {
	if len(body) == 0 {
		if len(d.shape.members) > 0 && !d.optionalBody {
			return malformed("a JSON body is required")
		}
		if !d.optionalBody {
			return nil
		}
		body = []byte("{}")
	}
	return decodeJSON(body, v, d.shape, invalid)
}

// maxParameters is the greatest number of parameters of a query, more than any route has.
const maxParameters = 500

const isRequired = "is required"

func tooMany(maxItems int) string { return fmt.Sprintf("must have at most %d items", maxItems) }

// notes collects the invalid fields. They are returned together, if the request is not malformed.
type notes struct {
	fields fault.Fields
	count  int
	first  *fault.Error // the first error, if it came from the field's type
}

func (n *notes) add(name, message string) {
	n.count++
	n.fields.Add(name, message)
}

// refusal notes the error of a field's type for the value of the field. It returns a *fault.Error
// of another kind than Invalid, which ends the decoding.
func (n *notes) refusal(name string, err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	switch {
	case ok && f.Kind != fault.Invalid:
		return named(name, f)
	case ok:
		f = named(name, f)
		if n.count == 0 {
			n.first = f
		}
		for _, field := range f.Fields {
			n.fields.Add(field.Name, field.Message)
		}
		n.count++
	default:
		c, ok := errors.AsType[complaint](err)
		if !ok {
			c = "is not valid"
		}
		n.add(name, string(c))
	}
	return nil
}

// collect notes the fields of an Invalid error that are not noted yet.
func (n *notes) collect(err error) {
	if err != nil {
		_ = n.fields.Collect(err)
		n.first = nil
	}
}

func (n *notes) err() error {
	if n.count == 1 && n.first != nil {
		return n.first
	}
	return n.fields.Err()
}

// named adds the field's name to the error of its type, which does not know the name.
func named(name string, f *fault.Error) *fault.Error {
	c := *f
	c.Fields = []fault.Field{{Name: name, Message: f.Detail}}
	if len(f.Fields) > 0 {
		c.Fields = slices.Clone(f.Fields)
		for i := range c.Fields {
			c.Fields[i].Name = name
		}
	}
	c.Detail = fmt.Sprintf("%s: %s", name, f.Detail)
	return &c
}

func malformed(detail string) *fault.Error {
	return fault.New(fault.Malformed, string(fault.Malformed), detail)
}

func malformedField(name, message string) *fault.Error {
	name = readable(name, maxName)
	f := malformed(name + " " + message)
	f.Fields = []fault.Field{{Name: name, Message: message}}
	return f
}

// readable makes a text, which may hold a part of the request, fit for a response: valid UTF-8 of a
// limited length in bytes.
func readable(text string, longest int) string {
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

func tooLarge(limit int64) error {
	return fault.New(fault.TooLarge, string(fault.TooLarge), fmt.Sprintf("the body must not have more than %d bytes", limit))
}

func unsupported(detail string) error {
	return fault.New(fault.UnsupportedMedia, string(fault.UnsupportedMedia), detail)
}

func notFound() *fault.Error {
	return fault.New(fault.NotFound, string(fault.NotFound), "there is nothing here")
}
