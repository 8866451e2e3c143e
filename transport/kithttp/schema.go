package kithttp

import (
	"cmp"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/swaggest/jsonschema-go"
	"github.com/swaggest/openapi-go/openapi31"
)

const schemaPrefix = "#/components/schemas/"

// schemas makes the JSON schemas of types. The schemas of named structs become components, named by
// the type's name without its package.
type schemas struct {
	reflector  jsonschema.Reflector
	components *openapi31.Components
	err        error // the first error of collect
}

func newSchemas(components *openapi31.Components) *schemas {
	s := &schemas{components: components}
	s.reflector.DefaultOptions = []func(*jsonschema.ReflectContext){
		jsonschema.DefinitionsPrefix(schemaPrefix),
		jsonschema.CollectDefinitions(s.collect),
		jsonschema.InterceptDefName(s.name),
		jsonschema.InterceptSchema(s.special),
		jsonschema.InterceptProp(nullability),
	}
	return s
}

func (s *schemas) collect(name string, schema jsonschema.Schema) {
	if _, known := s.components.Schemas[name]; known {
		return
	}
	m, err := schema.ToSchemaOrBool().ToSimpleMap()
	s.err = cmp.Or(s.err, err)
	s.components.WithSchemasItem(name, m)
}

// request returns the schema of the body of a request.
func (s *schemas) request(t reflect.Type) (map[string]any, error) {
	return s.reflect(t, jsonschema.RootRef, jsonschema.InterceptSchema(closed))
}

// answer returns the schema of a response.
func (s *schemas) answer(t reflect.Type) (map[string]any, error) {
	return s.reflect(t, jsonschema.RootRef, jsonschema.InterceptProp(alwaysThere))
}

func (s *schemas) reflect(t reflect.Type, options ...func(*jsonschema.ReflectContext)) (map[string]any, error) {
	schema, err := s.reflector.Reflect(reflect.Zero(t).Interface(), options...)
	if err = cmp.Or(err, s.err); err != nil {
		return nil, err
	}
	return schema.ToSchemaOrBool().ToSimpleMap()
}

// parameters returns the schemas of the fields with the given tag, by the parameter's name.
func (s *schemas) parameters(t reflect.Type, tag string) (map[string]jsonschema.Schema, error) {
	object, err := s.reflector.Reflect(reflect.Zero(t).Interface(),
		jsonschema.InlineRefs, jsonschema.PropertyNameTag(tag))
	if err = cmp.Or(err, s.err); err != nil {
		return nil, err
	}
	named := map[string]jsonschema.Schema{}
	for name, property := range object.Properties {
		if tag == "header" {
			name = http.CanonicalHeaderKey(name)
		}
		setNullable(property.TypeObject, false)
		named[name] = *property.TypeObject
	}
	return named, nil
}

var (
	packagePath = regexp.MustCompile(`[^\[\],]*[./]`)
	words       = regexp.MustCompile(`[\pL\d_]+`)
)

// name returns a type's name without its package; Page[Thing] becomes PageThing. A type that is not
// a struct does not become a component: its schema is written inline.
func (s *schemas) name(t reflect.Type, full string) string {
	if wayOf(t) != structWay {
		s.reflector.InlineDefinition(reflect.New(t).Interface())
		return full
	}
	var name strings.Builder
	for _, word := range words.FindAllString(packagePath.ReplaceAllString(t.Name(), ""), -1) {
		first, size := utf8.DecodeRuneInString(word)
		name.WriteRune(unicode.ToUpper(first))
		name.WriteString(word[size:])
	}
	return name.String()
}

// special returns the schemas of types whose JSON form differs from their Go form.
func (s *schemas) special(p jsonschema.InterceptSchemaParams) (stop bool, err error) {
	if p.Processed || !p.Value.IsValid() {
		return false, nil
	}
	t := p.Value.Type()
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == rawType:
		*p.Schema = jsonschema.Schema{}
		return true, nil
	case t.Implements(optionalType):
		of := reflect.Zero(t).Interface().(optional).optionalOf()
		schema, err := s.reflector.Reflect(reflect.Zero(of).Interface(), jsonschema.RootRef)
		*p.Schema = schema
		return true, err
	case t.Kind() == reflect.Array && t.Len() == 16 && wayOf(t) == textWay:
		*p.Schema = *jsonschema.String.ToSchemaOrBool().TypeObject.WithFormat("uuid")
		return true, nil
	}
	return false, nil
}

// nullability allows null for pointers and Optionals only.
func nullability(p jsonschema.InterceptPropParams) error {
	if p.Processed {
		t := p.Field.Type
		takes := t.Kind() == reflect.Pointer || t.Implements(optionalType)
		setNullable(p.PropertySchema, takes && p.Field.Tag.Get("nullable") != "false")
	}
	return nil
}

func setNullable(s *jsonschema.Schema, nullable bool) {
	switch {
	case !nullable:
		if s.Type != nil {
			s.RemoveType(jsonschema.Null)
		}
	case s.Ref != nil:
		ref := jsonschema.Schema{Ref: s.Ref}
		s.Ref = nil
		s.AnyOf = []jsonschema.SchemaOrBool{ref.ToSchemaOrBool(), jsonschema.Null.ToSchemaOrBool()}
	case s.Type != nil:
		s.AddType(jsonschema.Null)
	}
}

// closed marks an object as one that allows no other fields.
func closed(p jsonschema.InterceptSchemaParams) (stop bool, err error) {
	if p.Processed && len(p.Schema.Properties) > 0 {
		no := false
		p.Schema.WithAdditionalProperties(jsonschema.SchemaOrBool{TypeBoolean: &no})
	}
	return false, nil
}

// alwaysThere marks the fields that a response always has as required.
func alwaysThere(p jsonschema.InterceptPropParams) error {
	tag := p.Field.Tag.Get("json")
	if p.Processed && !strings.Contains(tag, ",omit") && !slices.Contains(p.ParentSchema.Required, p.Name) {
		p.ParentSchema.Required = append(p.ParentSchema.Required, p.Name)
	}
	return nil
}
