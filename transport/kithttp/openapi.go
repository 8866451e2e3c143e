package kithttp

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"

	"github.com/swaggest/openapi-go/openapi31"

	"github.com/cicerone-go/cicerone/core/fault"
)

// apiInfo is the part of the OpenAPI document that is about the whole server.
type apiInfo struct {
	title, version, description string
	bearers                     []bearer
}

type bearer struct{ name, description string }

// operation is a route without its type parameters, for the OpenAPI document.
type operation struct {
	info         RouteInfo
	shape        *shape
	optionalBody bool
	faults       []fault.Kind
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
	spec    *openapi31.Spec
	schemas *schemas
}

func newDocument(api apiInfo) *document {
	d := &document{spec: &openapi31.Spec{Openapi: "3.1.0"}}
	d.spec.SetTitle(cmp.Or(api.title, "API"))
	d.spec.SetVersion(cmp.Or(api.version, "0"))
	if api.description != "" {
		d.spec.SetDescription(api.description)
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
	for _, scheme := range o.info.Security {
		op.Security = append(op.Security, map[string][]string{scheme: {}})
	}
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
	for _, status := range append([]int{o.info.Status}, o.alsoStatus...) {
		described := success
		described.Description = http.StatusText(status)
		responses.WithMapOfResponseOrReferenceValuesItem(strconv.Itoa(status), openapi31.ResponseOrReference{Response: &described})
	}

	problem, err := d.schemas.answer(reflect.TypeFor[Problem]())
	if err != nil {
		return err
	}
	refusal := func(description string) openapi31.ResponseOrReference {
		r := openapi31.Response{Description: description}
		r.WithContentItem(problemMedia, openapi31.MediaType{Schema: problem})
		return openapi31.ResponseOrReference{Response: &r}
	}
	for _, kind := range o.refusals() {
		status := StatusOf(kind)
		responses.WithMapOfResponseOrReferenceValuesItem(strconv.Itoa(status), refusal(http.StatusText(status)))
	}
	responses.WithDefault(refusal("Any other failure"))
	return nil
}

// refusals returns the kinds that a route names, and those that follow from the parts of its
// request.
func (o operation) refusals() []fault.Kind {
	kinds := []fault.Kind{fault.Malformed}
	if len(o.info.Security) > 0 {
		kinds = append(kinds, fault.Unauthenticated)
	}
	if len(o.shape.members) > 0 {
		kinds = append(kinds, fault.TooLarge, fault.UnsupportedMedia)
	}
	if len(o.shape.members)+len(o.shape.query)+len(o.shape.header) > 0 {
		kinds = append(kinds, fault.Invalid)
	}
	if len(o.shape.path) > 0 {
		kinds = append(kinds, fault.NotFound)
	}
	return slices.Concat(kinds, o.faults)
}
