package kitgrpc

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/edge/failure"
)

// request reads a request strictly: the refusals are in the order of those of package kithttp. check
// adds the fields that the endpoint would refuse.
func (p *plan) request(g givenRequest, md metadata.MD, into reflect.Value, check func(f *fault.Fields)) error {
	m := g.message
	if number, ok := unknown(m); ok {
		return failure.MalformedField(number, "is not the number of a field")
	}
	for _, f := range p.headers {
		if len(md.Get(f.name)) > 1 {
			return failure.MalformedField(f.name, "is given twice")
		}
	}
	var invalid failure.Notes
	if err := p.read(m, md, into, "", &invalid); err != nil {
		return err
	}
	for name, text := range g.late {
		if err := p.late[name].value(into).Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText(text); err != nil {
			if err := invalid.Refusal(name, err); err != nil {
				return err
			}
		}
	}
	invalid.Check(check)
	if err := invalid.Err(); err != nil {
		return err
	}
	return p.readPath(m, into)
}

// read reads a message and metadata into a struct, except the fields of the path. prefix is the place of
// the message, as in "item.".
func (p *plan) read(m protoreflect.Message, md metadata.MD, into reflect.Value, prefix string, invalid *failure.Notes) error {
	for _, f := range p.headers {
		if given := md.Get(f.name); len(given) > 0 {
			if err := f.codec.read(protoreflect.ValueOfString(given[0]), f.value(into), f.name, invalid); err != nil {
				return err
			}
		}
	}
	mask, err := p.maskOf(m)
	if err != nil {
		return err
	}
	for _, f := range p.fields {
		if f.isPath {
			continue
		}
		if err := f.read(m, mask, into, prefix+f.name, invalid); err != nil {
			return err
		}
	}
	return nil
}

// read reads the field. mask is nil if the message has none.
func (f *field) read(m protoreflect.Message, mask []string, into reflect.Value, name string, invalid *failure.Notes) error {
	given := m.Has(f.descriptor)
	if f.isMasked() && mask != nil {
		switch named := slices.Contains(mask, string(f.descriptor.Name())); {
		case given && !named:
			return failure.MalformedField(name, "has a value, but is not named in "+maskName)
		case !given && named && f.notNull && f.wrapped == optional:
			invalid.Add(name, "must not be null")
			return nil
		case !given && named:
			f.clear(into)
			return nil
		}
	}
	if !given && !f.empty {
		if f.required {
			invalid.Add(name, failure.Required)
		}
		return nil
	}
	v := m.Get(f.descriptor)
	if f.maxItems > 0 && v.List().Len() > f.maxItems {
		invalid.Add(name, failure.TooMany(f.maxItems))
		return nil
	}
	return f.codec.read(v, f.value(into), name, invalid)
}

// maskOf returns the fields that the mask of a message names, or nil if it has none.
func (p *plan) maskOf(m protoreflect.Message) ([]string, error) {
	if p.mask == nil || !m.Has(p.mask) {
		return nil, nil
	}
	mask, _ := m.Get(p.mask).Message().Interface().(*fieldmaskpb.FieldMask)
	for _, path := range mask.GetPaths() {
		known := slices.ContainsFunc(p.fields, func(f *field) bool {
			return f.isMasked() && string(f.descriptor.Name()) == path
		})
		if !known {
			return nil, failure.MalformedField(maskName, "names a field that cannot be changed: "+failure.Readable(path, failure.MaxName))
		}
	}
	return append([]string{}, mask.GetPaths()...), nil
}

// readPath reads the fields of the path. It returns fault.NotFound for a value that is not valid.
func (p *plan) readPath(m protoreflect.Message, into reflect.Value) error {
	for _, f := range p.fields {
		if !f.isPath {
			continue
		}
		var invalid failure.Notes
		err := f.codec.read(m.Get(f.descriptor), f.value(into), f.name, &invalid)
		if fault.KindOf(err) == fault.NotFound {
			return err
		}
		if err == nil {
			err = invalid.Err()
		}
		if err != nil {
			return failure.NotFound().Wrap(err)
		}
	}
	return nil
}

// response reads a message into a struct. Fields that the message has in addition are ignored.
func (p *plan) response(m protoreflect.Message, into reflect.Value) error {
	var invalid failure.Notes
	if err := p.read(m, nil, into, "", &invalid); err != nil {
		return err
	}
	if err := p.readPath(m, into); err != nil {
		return err
	}
	return invalid.Err()
}

// write writes a struct into an empty message, and returns the metadata.
func (p *plan) write(v reflect.Value, into protoreflect.Message) (metadata.MD, error) {
	for _, f := range p.fields {
		given, ok := f.given(v)
		if !ok || given.IsZero() && !f.descriptor.HasPresence() && !(p.asks && f.descriptor.Kind() == protoreflect.StringKind) {
			continue
		}
		var empty protoreflect.Value
		if f.descriptor.IsList() || f.descriptor.IsMap() || f.descriptor.Kind() == protoreflect.MessageKind {
			empty = into.NewField(f.descriptor)
		}
		written, err := f.codec.write(given, empty)
		if p.asks {
			err = f.refusal(written, err)
		}
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f.name, err)
		}
		into.Set(f.descriptor, written)
	}
	p.writeMask(v, into)
	md := metadata.MD{}
	for _, f := range p.headers {
		if given, ok := f.given(v); ok && !given.IsZero() {
			written, err := f.codec.write(given, protoreflect.Value{})
			if err != nil {
				return nil, fmt.Errorf("field %s: %w", f.name, err)
			}
			md.Set(f.name, written.String())
		}
	}
	return md, nil
}

// refusal returns the error for a value that a client cannot send, as written or as the error of its
// codec.
func (f *field) refusal(written protoreflect.Value, err error) error {
	if c, ok := errors.AsType[failure.Complaint](err); ok {
		return fault.InvalidField(f.name, string(c))
	}
	if err == nil && f.isPath && written.String() == "" {
		return fault.InvalidField(f.name, "must not be empty") // as in a path
	}
	return err
}

// writeMask names the fields that are set, also those that are null.
func (p *plan) writeMask(v reflect.Value, into protoreflect.Message) {
	if p.mask == nil {
		return
	}
	mask := &fieldmaskpb.FieldMask{}
	for _, f := range p.fields {
		if f.isMasked() && f.isSet(v) {
			mask.Paths = append(mask.Paths, string(f.descriptor.Name()))
		}
	}
	into.Set(p.mask, protoreflect.ValueOfMessage(mask.ProtoReflect()))
}

// firstNumber returns the number of the first of some encoded fields.
func firstNumber(raw protoreflect.RawFields) string {
	number, _, _ := protowire.ConsumeTag(raw)
	return strconv.Itoa(int(number))
}
