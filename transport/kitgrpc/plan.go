package kitgrpc

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// plan converts between the structs of a type and the messages of another.
type plan struct {
	fields  []*field
	headers []*field                     // in the metadata
	late    map[string]*field            // of a request, which the message does not have
	mask    protoreflect.FieldDescriptor // update_mask; nil if there is none
	asks    bool                         // as that of the planner
}

// field is a field of a struct, and of a message or the metadata.
type field struct {
	name     string // as in HTTP; refusals have it
	index    []int
	isPath   bool
	required bool
	notNull  bool
	omitZero bool
	maxItems int
	empty    bool // a list or a map without items is empty, and not nil

	descriptor protoreflect.FieldDescriptor // nil for a header
	wrapped    wrapping
	codec      codec
}

// wrapping is the type around the value of a field.
type wrapping int

const (
	plain    wrapping = iota
	pointer           // nil if it is absent
	optional          // a kithttp.Optional
)

const maskName = "update_mask"

// planOf returns the plan for a struct and a message. leftOut are the fields of the struct that the
// message does not have, and that are zero then. It returns an error if one of the two has a field that
// the other does not have.
func planOf(t reflect.Type, m protoreflect.MessageDescriptor, leftOut ...string) (*plan, error) {
	return planner{}.of(t, m, leftOut...)
}

// planner makes a plan and those that are a part of it.
type planner struct {
	known   map[reflect.Type]*plan // a type has one message in a plan
	asks    bool                   // the plan is of the requests of a client, which the server is to refuse
	answers bool                   // the plan is of the responses for a client
}

// of returns the plan of a planner with the same properties.
func (r planner) of(t reflect.Type, m protoreflect.MessageDescriptor, leftOut ...string) (*plan, error) {
	r.known = map[reflect.Type]*plan{}
	return r.plan(t, m, leftOut...)
}

func (r *planner) plan(t reflect.Type, m protoreflect.MessageDescriptor, leftOut ...string) (*plan, error) {
	if known, ok := r.known[t]; ok {
		return known, nil
	}
	p := &plan{late: map[string]*field{}, asks: r.asks}
	r.known[t] = p
	if err := r.add(p, t, nil, m, leftOut); err != nil {
		return nil, fmt.Errorf("%s and %s: %w", t, m.FullName(), err)
	}
	for i := range m.Fields().Len() {
		d := m.Fields().Get(i)
		if d.Name() == maskName {
			p.mask = d
			continue
		}
		if !slices.ContainsFunc(p.fields, func(f *field) bool { return f.descriptor == d }) {
			return nil, fmt.Errorf("%s and %s: only the message has %s", t, m.FullName(), d.Name())
		}
	}
	hasOptional := slices.ContainsFunc(p.fields, func(f *field) bool { return f.wrapped == optional })
	if hasOptional != (p.mask != nil) {
		return nil, fmt.Errorf("%s and %s: a message has %s if fields of the struct are optional", t, m.FullName(), maskName)
	}
	return p, nil
}

// add adds the fields of a struct and of its embedded structs.
func (r *planner) add(p *plan, t reflect.Type, prefix []int, m protoreflect.MessageDescriptor, leftOut []string) error {
	if t.Kind() != reflect.Struct {
		return errors.New("is not a struct")
	}
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(slices.Clone(prefix), i)
		if f.Anonymous && f.Tag == "" {
			if err := r.add(p, f.Type, index, m, leftOut); err != nil {
				return err
			}
			continue
		}
		if err := r.addField(p, f, index, m, leftOut); err != nil {
			return fmt.Errorf("field %s: %w", f.Name, err)
		}
	}
	return nil
}

func (r *planner) addField(p *plan, f reflect.StructField, index []int, m protoreflect.MessageDescriptor, leftOut []string) error {
	own := &field{
		index: index, required: f.Tag.Get("required") == "true", notNull: f.Tag.Get("nullable") == "false",
		omitZero: strings.Contains(f.Tag.Get("json"), ",omitzero"),
	}
	var place string
	for _, place = range []string{"path", "query", "header", "proto", "json"} {
		if name, ok := f.Tag.Lookup(place); ok {
			own.name, _, _ = strings.Cut(name, ",")
			break
		}
	}
	if own.name == "" {
		return errors.New("has no tag that names it")
	}
	own.isPath = place == "path"
	if items, err := strconv.Atoi(f.Tag.Get("maxItems")); err == nil {
		own.maxItems = items
	}
	name := own.name
	if place == "header" {
		name = strings.ToLower(strings.ReplaceAll(name, "-", "_"))
	}
	own.descriptor = m.Fields().ByName(protoreflect.Name(name))

	t := f.Type
	if value, ok := kithttp.OptionalOf(t); ok {
		t, own.wrapped = value, optional
	} else if t.Kind() == reflect.Pointer {
		t, own.wrapped = t.Elem(), pointer
	}
	var err error
	switch {
	case slices.Contains(leftOut, own.name):
		p.late[own.name] = own
		return nil
	case own.descriptor != nil:
		own.codec, err = r.codec(t, own.descriptor, f.Tag.Get("enum"))
		own.empty = r.answers && own.wrapped == plain && !own.omitZero && (own.descriptor.IsList() || own.descriptor.IsMap())
		p.fields = append(p.fields, own)
	case place == "header":
		own.codec, err = textCodec(t)
		p.headers = append(p.headers, own)
	default:
		err = errors.New("the message does not have it")
	}
	if err == nil && own.wrapped != plain && own.descriptor != nil && !own.descriptor.HasPresence() && !own.descriptor.IsList() {
		err = errors.New("must be optional in the message")
	}
	return err
}

// value returns the field in a struct, for a value of its codec. A pointer or an Optional gets one.
func (f *field) value(of reflect.Value) reflect.Value {
	v := of.FieldByIndex(f.index)
	switch f.wrapped {
	case pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return v.Elem()
	case optional:
		v.FieldByName("Set").SetBool(true)
		return v.FieldByName("Value")
	}
	return v
}

// isMasked reports whether the mask of a message can name the field: an Optional, or a list that may be
// absent.
func (f *field) isMasked() bool {
	return f.wrapped == optional || f.wrapped == pointer && f.descriptor.IsList()
}

// isSet reports whether a masked field in a struct is present, as null or as a value.
func (f *field) isSet(in reflect.Value) bool {
	v := in.FieldByIndex(f.index)
	if f.wrapped == optional {
		return v.FieldByName("Set").Bool()
	}
	return !v.IsNil()
}

// clear makes a masked field in a struct null, or a list without items.
func (f *field) clear(in reflect.Value) {
	v := in.FieldByIndex(f.index)
	if f.wrapped == optional {
		v.FieldByName("Set").SetBool(true)
		v.FieldByName("Null").SetBool(true)
		return
	}
	v.Set(reflect.New(v.Type().Elem()))
	v.Elem().Set(reflect.MakeSlice(v.Type().Elem(), 0, 0))
}

// given returns the value of a field in a struct. ok is false if it has none.
func (f *field) given(in reflect.Value) (v reflect.Value, ok bool) {
	v = in.FieldByIndex(f.index)
	switch f.wrapped {
	case pointer:
		if v.IsNil() {
			return v, false
		}
		return v.Elem(), true
	case optional:
		return v.FieldByName("Value"), v.FieldByName("Set").Bool() && !v.FieldByName("Null").Bool()
	}
	return v, !f.omitZero || !v.IsZero()
}
