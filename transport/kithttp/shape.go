package kithttp

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// shape is the result of reading the tags of a struct: its parameters, and the members of its body.
type shape struct {
	typ      reflect.Type
	path     []param
	query    []param
	header   []param
	members  []member
	byName   map[string]int // of members
	bodyType reflect.Type   // a struct of the members alone, from which a client writes the body
}

// member is a field of a JSON object.
type member struct {
	name     string
	index    []int
	required bool
	notNull  bool
	maxItems int // of an array; 0 for no limit
}

var shapes sync.Map // reflect.Type → *shape

// shapeOf returns the shape of a struct type. It reads each type only once.
func shapeOf(t reflect.Type) (*shape, error) {
	if known, ok := shapes.Load(t); ok {
		return known.(*shape), nil
	}
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("%s is not a struct", t)
	}
	s := &shape{typ: t, byName: map[string]int{}}
	var body []reflect.StructField
	if err := s.add(t, nil, &body); err != nil {
		return nil, fmt.Errorf("%s: %w", t, err)
	}
	s.bodyType = reflect.StructOf(body)
	shapes.Store(t, s) // before checkNested, because the type may contain itself
	for _, m := range s.members {
		if err := checkNested(t.FieldByIndex(m.index).Type); err != nil {
			shapes.Delete(t)
			return nil, fmt.Errorf("%s: %s: %w", t, m.name, err)
		}
	}
	return s, nil
}

// add adds the fields of a struct and of its embedded structs.
func (s *shape) add(t reflect.Type, prefix []int, body *[]reflect.StructField) error {
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(slices.Clone(prefix), i)
		if f.Anonymous && f.Tag == "" && f.Type.Kind() == reflect.Struct {
			if err := s.add(f.Type, index, body); err != nil {
				return err
			}
			continue
		}
		if err := s.addField(f, index, body); err != nil {
			return fmt.Errorf("field %s: %w", f.Name, err)
		}
	}
	return nil
}

func (s *shape) addField(f reflect.StructField, index []int, body *[]reflect.StructField) error {
	if !f.IsExported() {
		return errors.New("is not exported")
	}
	maxItems, err := maxItemsOf(f)
	if err != nil {
		return err
	}
	for _, place := range []struct {
		tag  string
		list *[]param
	}{{"path", &s.path}, {"query", &s.query}, {"header", &s.header}} {
		tag, list := place.tag, place.list
		name, ok := f.Tag.Lookup(tag)
		if !ok {
			continue
		}
		if j, also := f.Tag.Lookup("json"); also && j != "-" {
			return fmt.Errorf("is both in the %s and in the body", tag)
		}
		if tag == "header" {
			name = http.CanonicalHeaderKey(name)
		}
		if slices.ContainsFunc(*list, func(p param) bool { return p.name == name }) {
			return fmt.Errorf("there are two %s parameters %q", tag, name)
		}
		c, err := codecOf(f.Type, tag == "query")
		if err != nil {
			return err
		}
		if tag == "path" && c.optional {
			return errors.New("a path parameter cannot be a pointer, because it is never absent")
		}
		*list = append(*list, param{
			name: name, index: index, codec: c, required: f.Tag.Get("required") == "true", maxItems: maxItems,
		})
		return nil
	}

	tag, ok := f.Tag.Lookup("json")
	name, options, _ := strings.Cut(tag, ",")
	if !ok || name == "" || name == "-" {
		return errors.New("has no path, query, header or json tag that names it")
	}
	if options != "" && options != "omitzero" && options != "omitempty" {
		return fmt.Errorf("the option %q of its json tag is not supported in a request", options)
	}
	if _, twice := s.byName[name]; twice {
		return fmt.Errorf("there are two JSON fields %q", name)
	}
	s.byName[name] = len(s.members)
	s.members = append(s.members, member{
		name: name, index: index,
		required: f.Tag.Get("required") == "true",
		notNull:  f.Tag.Get("nullable") == "false" || !takesNull(f.Type),
		maxItems: maxItems,
	})
	*body = append(*body, reflect.StructField{
		Name: fmt.Sprintf("F%d", len(*body)), Type: f.Type, Tag: reflect.StructTag(fmt.Sprintf("json:%q", tag)),
	})
	return nil
}

// maxItemsOf returns the value of the tag maxItems of a field, or 0 if it has none. It returns an
// error if the value is below 1, or if the field is not a slice or a pointer to one.
func maxItemsOf(f reflect.StructField) (int, error) {
	tag, ok := f.Tag.Lookup("maxItems")
	if !ok {
		return 0, nil
	}
	list := f.Type
	if list.Kind() == reflect.Pointer {
		list = list.Elem()
	}
	n, err := strconv.Atoi(tag)
	if err != nil || n < 1 || list.Kind() != reflect.Slice {
		return 0, fmt.Errorf("the tag maxItems %q must be a number above 0, and belong to a slice", tag)
	}
	return n, nil
}

var wildcard = regexp.MustCompile(`\{([^{}]*)\}`)

// checkPath returns an error unless the wildcards of the path are exactly the path parameters.
func (s *shape) checkPath(path string) error {
	var missing []string
	for _, p := range s.path {
		missing = append(missing, p.name)
	}
	for _, match := range wildcard.FindAllStringSubmatch(path, -1) {
		i := slices.Index(missing, match[1])
		if i < 0 {
			return fmt.Errorf("%s has no path parameter for %s", s.typ, match[0])
		}
		missing = slices.Delete(missing, i, i+1)
	}
	if len(missing) > 0 {
		return fmt.Errorf("the path %s has no wildcard for the parameters %v of %s", path, missing, s.typ)
	}
	return nil
}

// checkNested checks the structs inside the type of a field.
func checkNested(t reflect.Type) error {
	if reflect.PointerTo(t).Implements(optionalType) {
		return checkNested(reflect.Zero(t).Interface().(optional).optionalOf())
	}
	if wayOf(t) != structWay {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array:
			return checkNested(t.Elem())
		case reflect.Map:
			if t.Key().Kind() != reflect.String {
				return fmt.Errorf("%s: the keys of a map must be strings", t)
			}
			return checkNested(t.Elem())
		}
		return nil
	}
	s, err := shapeOf(t)
	if err != nil {
		return err
	}
	if len(s.path)+len(s.query)+len(s.header) > 0 {
		return fmt.Errorf("%s: a struct in the body cannot have parameters", t)
	}
	return nil
}
