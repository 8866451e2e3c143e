package kithttp

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/go-kit/kit/endpoint"
	"github.com/swaggest/openapi-go/openapi31"

	"github.com/cicerone-go/cicerone/core/fault"
)

// apiInfo is the part of the OpenAPI document that is about the whole server.
type apiInfo struct {
	title, version, description string
	license                     string
	bearers                     []bearer
	headers                     []Header
}

type bearer struct{ name, description string }

// operation is a route without its type parameters, for the OpenAPI document.
type operation struct {
	handling     handling
	endpoint     endpoint.Endpoint
	response     reflect.Type
	info         RouteInfo
	shape        *shape
	optionalBody bool
	faults       []*fault.Error
	headers      []Header
	media        []string
	alsoStatus   []int
	answer       reflect.Type
}

// OpenAPI returns an OpenAPI 3.1 document of the routes, in JSON. Fields of requests and responses
// may have the tags of jsonschema-go, such as description, enum, format, minimum, maxLength and
// example. In a response, every field without omitempty or omitzero is required.
func (s *Server) OpenAPI() ([]byte, error) {
	d := newDocument(s.api)
	d.spec.WithServers(openapi31.Server{URL: cmp.Or(s.basePath, "/")})
	for _, o := range s.routes {
		if err := d.add(o); err != nil {
			return nil, fmt.Errorf("describe route %s: %w", o.info.Name, err)
		}
	}
	b, err := json.MarshalIndent(d.spec, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	return b, nil
}

// document builds an OpenAPI document.
type document struct {
	api     apiInfo
	spec    *openapi31.Spec
	schemas *schemas
}

func newDocument(api apiInfo) *document {
	d := &document{api: api, spec: &openapi31.Spec{Openapi: "3.1.0"}}
	d.spec.SetTitle(cmp.Or(api.title, "API"))
	d.spec.SetVersion(cmp.Or(api.version, "0"))
	if api.description != "" {
		d.spec.SetDescription(api.description)
	}
	if api.license != "" {
		d.spec.Info.WithLicense(openapi31.License{Name: api.license, Identifier: &api.license})
	}
	for _, b := range api.bearers {
		d.spec.SetHTTPBearerTokenSecurity(b.name, "", b.description)
	}
	d.schemas = newSchemas(d.spec.ComponentsEns())
	return d
}

func (d *document) add(o operation) error {
	op := openapi31.Operation{Tags: o.info.Tags}
	op.WithID(o.info.Name)
	if o.info.Summary != "" {
		op.WithSummary(o.info.Summary)
	}
	security := []map[string][]string{} // written even if it is empty: the route is public on purpose
	for _, scheme := range o.info.Security {
		security = append(security, map[string][]string{scheme: {}})
	}
	op.MapOfAnything = map[string]any{"security": security} // op.Security is omitted if it is empty
	for _, place := range []struct {
		in     openapi31.ParameterIn
		params []param
	}{
		{openapi31.ParameterInPath, o.shape.path},
		{openapi31.ParameterInQuery, o.shape.query},
		{openapi31.ParameterInHeader, o.shape.header},
	} {
		if err := d.parameters(&op, o.shape, place.in, place.params); err != nil {
			return err
		}
	}
	if err := d.body(&op, o); err != nil {
		return err
	}
	if err := d.answers(&op, o); err != nil {
		return err
	}
	return d.spec.AddOperation(o.info.Method, o.info.Path, op)
}

func (d *document) parameters(op *openapi31.Operation, s *shape, in openapi31.ParameterIn, params []param) error {
	if len(params) == 0 {
		return nil
	}
	properties, err := d.schemas.parameters(s.typ, string(in))
	if err != nil {
		return err
	}
	for _, p := range params {
		schema := properties[p.name]
		parameter := openapi31.Parameter{Name: p.name, In: in, Description: schema.Description}
		schema.Description = nil
		if parameter.Schema, err = schema.ToSchemaOrBool().ToSimpleMap(); err != nil {
			return err
		}
		if in == openapi31.ParameterInPath || p.required {
			parameter.WithRequired(true)
		}
		op.Parameters = append(op.Parameters, openapi31.ParameterOrReference{Parameter: &parameter})
	}
	return nil
}

func (d *document) body(op *openapi31.Operation, o operation) error {
	if len(o.shape.members) == 0 {
		return nil
	}
	schema, err := d.schemas.request(o.shape.typ)
	if err != nil {
		return err
	}
	body := op.RequestBodyEns().RequestBodyEns()
	body.WithContentItem(jsonMedia, openapi31.MediaType{Schema: schema})
	body.WithRequired(!o.optionalBody)
	return nil
}

func (d *document) answers(op *openapi31.Operation, o operation) error {
	var success openapi31.Response
	switch o.answer {
	case reflect.TypeFor[None]():
	case reflect.TypeFor[Blob](), reflect.TypeFor[Stream]():
		media := o.media
		if len(media) == 0 {
			media = []string{"*/*"}
		}
		for _, m := range media {
			success.WithContentItem(m, openapi31.MediaType{Schema: map[string]any{}})
		}
	default:
		schema, err := d.schemas.answer(o.answer)
		if err != nil {
			return err
		}
		success.WithContentItem(jsonMedia, openapi31.MediaType{Schema: schema})
	}
	responses := op.ResponsesEns()
	success.Headers = d.headers(slices.Concat(d.api.headers, o.headers))
	for _, status := range append([]int{o.info.Status}, o.alsoStatus...) {
		described := success
		described.Description = http.StatusText(status)
		responses.WithMapOfResponseOrReferenceValuesItem(strconv.Itoa(status), openapi31.ResponseOrReference{Response: &described})
	}

	problem, err := d.schemas.answer(reflect.TypeFor[Problem]())
	if err != nil {
		return err
	}
	codes := o.codes()
	for _, status := range slices.Sorted(maps.Keys(codes)) {
		responses.WithMapOfResponseOrReferenceValuesItem(strconv.Itoa(status), d.refusal(status, problem, codes[status]))
	}
	responses.WithDefault(d.refusal(0, problem, nil))
	return nil
}

// refusal describes the problem documents of a status with their codes, or, if the status is 0,
// those of all statuses that are not listed.
func (d *document) refusal(status int, problem map[string]any, codes []string) openapi31.ResponseOrReference {
	headers := slices.Clone(d.api.headers)
	switch status {
	case http.StatusUnauthorized:
		if len(d.api.bearers) > 0 {
			headers = append(headers, Header{"WWW-Authenticate", "The scheme, Bearer."})
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		headers = append(headers, Header{"Retry-After", "The number of seconds to wait before a retry."})
	}
	r := openapi31.Response{Description: cmp.Or(http.StatusText(status), "Any other failure"), Headers: d.headers(headers)}
	if len(codes) > 0 {
		r.Description += ": " + strings.Join(codes, ", ")
		problem = map[string]any{"allOf": []any{
			problem, map[string]any{"properties": map[string]any{"code": map[string]any{"enum": codes}}},
		}}
	}
	r.WithContentItem(problemMedia, openapi31.MediaType{Schema: problem})
	return openapi31.ResponseOrReference{Response: &r}
}

// headers returns references to headers, and adds those that are new to the components.
func (d *document) headers(headers []Header) map[string]openapi31.HeaderOrReference {
	references := map[string]openapi31.HeaderOrReference{}
	for _, h := range headers {
		d.spec.Components.WithHeadersItem(h.Name, openapi31.HeaderOrReference{Header: &openapi31.Header{
			Description: &h.Description, Schema: map[string]any{"type": "string"},
		}})
		references[h.Name] = openapi31.HeaderOrReference{Reference: &openapi31.Reference{
			Ref: "#/components/headers/" + h.Name,
		}}
	}
	return references
}

// codes returns, by status, the codes of the errors that a route names, and of those that follow
// from the parts of its request. A status has no codes if only the gates know them.
func (o operation) codes() map[int][]string {
	codes := map[int][]string{}
	add := func(kind fault.Kind, code ...string) {
		status := StatusOf(kind)
		codes[status] = slices.Compact(slices.Sorted(slices.Values(append(codes[status], code...))))
	}
	own := func(kind fault.Kind) { add(kind, string(kind)) }
	own(fault.Malformed)
	if len(o.info.Security) > 0 {
		add(fault.Unauthenticated)
	}
	if len(o.shape.members) > 0 {
		own(fault.TooLarge)
		own(fault.UnsupportedMedia)
	}
	if len(o.shape.members)+len(o.shape.query)+len(o.shape.header) > 0 {
		add(fault.Invalid, fault.CodeInvalid)
	}
	if len(o.shape.path) > 0 {
		own(fault.NotFound)
	}
	for _, f := range o.faults {
		add(f.Kind, f.Code)
	}
	return codes
}
