package kitgrpc

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cicerone-go/cicerone/transport/edge/failure"
)

// codec converts between the values of a type and those of a field of a message. name is that of the
// field, for refusals.
type codec struct {
	read  func(v protoreflect.Value, into reflect.Value, name string, invalid *failure.Notes) error
	write func(v reflect.Value, empty protoreflect.Value) (protoreflect.Value, error)
}

var (
	textReader = reflect.TypeFor[encoding.TextUnmarshaler]()
	textWriter = reflect.TypeFor[encoding.TextMarshaler]()
	timeType   = reflect.TypeFor[time.Time]()
)

const (
	timestampName = "google.protobuf.Timestamp"
	structName    = "google.protobuf.Struct"

	notTime failure.Complaint = "must be a time of the years 1 to 9999"
	notJSON failure.Complaint = "must be a JSON object"
)

// codec returns the codec of a type and a field of a message. enum is the tag of the struct's field.
func (r *planner) codec(t reflect.Type, d protoreflect.FieldDescriptor, enum string) (codec, error) {
	switch {
	case d.IsMap():
		return mapCodec(t, d)
	case d.IsList():
		return r.listCodec(t, d, enum)
	}
	return r.single(t, d, enum)
}

// single returns the codec of one value.
func (r *planner) single(t reflect.Type, d protoreflect.FieldDescriptor, enum string) (codec, error) {
	switch d.Kind() {
	case protoreflect.StringKind:
		return textCodec(t)
	case protoreflect.EnumKind:
		return r.enumCodec(t, d.Enum(), enum)
	case protoreflect.BoolKind:
		if t.Kind() != reflect.Bool {
			break
		}
		return codec{
			read: func(v protoreflect.Value, into reflect.Value, _ string, _ *failure.Notes) error {
				into.SetBool(v.Bool())
				return nil
			},
			write: func(v reflect.Value, _ protoreflect.Value) (protoreflect.Value, error) {
				return protoreflect.ValueOfBool(v.Bool()), nil
			},
		}, nil
	case protoreflect.Int32Kind, protoreflect.Int64Kind:
		return numberCodec(t, d.Kind())
	case protoreflect.MessageKind:
		switch {
		case d.Message().FullName() == timestampName && t.Kind() == reflect.Struct && t.ConvertibleTo(timeType):
			return timeCodec(t), nil
		case d.Message().FullName() == structName:
			return jsonCodec(), nil
		case t.Kind() == reflect.Struct:
			return r.structCodec(t, d)
		}
	}
	return codec{}, fmt.Errorf("%s cannot be %s in a message", t, d.Kind())
}

// textCodec is for text, and for types with UnmarshalText and MarshalText.
func textCodec(t reflect.Type) (codec, error) {
	read, write, err := texts(t)
	return codec{
		read: func(v protoreflect.Value, into reflect.Value, name string, invalid *failure.Notes) error {
			if err := read(v.String(), into); err != nil {
				return invalid.Refusal(name, err)
			}
			return nil
		},
		write: func(v reflect.Value, _ protoreflect.Value) (protoreflect.Value, error) {
			text, err := write(v)
			return protoreflect.ValueOfString(text), err
		},
	}, err
}

// texts returns functions that convert from and to text.
func texts(t reflect.Type) (read func(text string, into reflect.Value) error, write func(reflect.Value) (string, error), err error) {
	switch p := reflect.PointerTo(t); {
	case p.Implements(textReader) && p.Implements(textWriter):
		return func(text string, into reflect.Value) error {
				return into.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
			}, func(v reflect.Value) (string, error) {
				text, err := addressable(v).Addr().Interface().(encoding.TextMarshaler).MarshalText()
				return string(text), err
			}, nil
	case t.Kind() == reflect.String:
		return func(text string, into reflect.Value) error {
				into.SetString(text)
				return nil
			}, func(v reflect.Value) (string, error) {
				return v.String(), nil
			}, nil
	}
	return nil, nil, fmt.Errorf("%s cannot be text", t)
}

// addressable returns v, or a copy of it whose address can be taken.
func addressable(v reflect.Value) reflect.Value {
	if v.CanAddr() {
		return v
	}
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	return c
}

// enumCodec is for text with a value for each of the tag. The value SOME_KIND_WARNING of the enum
// SomeKind is the text warning, or WARNING if the texts of the tag are so. A number without a value is
// read as the text of the number, which the rules of the field refuse. A client sends such a number for
// a text without a value.
func (r *planner) enumCodec(t reflect.Type, d protoreflect.EnumDescriptor, tag string) (codec, error) {
	read, write, err := texts(t)
	if err != nil {
		return codec{}, err
	}
	given := strings.Split(tag, ",")
	textOf := map[protoreflect.EnumNumber]string{0: ""}
	numberOf := map[string]protoreflect.EnumNumber{"": 0}
	prefix := strings.TrimSuffix(string(d.Values().ByNumber(0).Name()), "UNSPECIFIED")
	for i := range d.Values().Len() {
		v := d.Values().Get(i)
		if v.Number() == 0 {
			continue
		}
		text := strings.TrimPrefix(string(v.Name()), prefix)
		if given[0] == strings.ToLower(given[0]) {
			text = strings.ToLower(text)
		}
		textOf[v.Number()], numberOf[text] = text, v.Number()
	}
	for _, text := range given {
		if _, ok := numberOf[text]; !ok || text == "" {
			return codec{}, fmt.Errorf("%s has no value for %q", d.FullName(), text)
		}
	}
	return codec{
		read: func(v protoreflect.Value, into reflect.Value, name string, invalid *failure.Notes) error {
			text, ok := textOf[v.Enum()]
			if !ok {
				text = strconv.Itoa(int(v.Enum()))
			}
			if err := read(text, into); err != nil {
				return invalid.Refusal(name, err)
			}
			return nil
		},
		write: func(v reflect.Value, _ protoreflect.Value) (protoreflect.Value, error) {
			text, err := write(v)
			number, ok := numberOf[text]
			switch {
			case ok || err != nil:
			case r.asks:
				number = -1
			default:
				err = fmt.Errorf("%s has no value for %q", d.FullName(), text)
			}
			return protoreflect.ValueOfEnum(number), err
		},
	}, nil
}

// numberCodec is for numbers, and for types that read and write them as text.
func numberCodec(t reflect.Type, kind protoreflect.Kind) (codec, error) {
	valueOf := func(n int64) (protoreflect.Value, error) {
		if kind == protoreflect.Int64Kind {
			return protoreflect.ValueOfInt64(n), nil
		}
		if n != int64(int32(n)) { // #nosec G115 -- that is checked here
			return protoreflect.Value{}, failure.OutOfRange
		}
		return protoreflect.ValueOfInt32(int32(n)), nil // #nosec G115 -- see above
	}
	if reflect.PointerTo(t).Implements(textReader) {
		read, write, err := texts(t)
		return codec{
			read: func(v protoreflect.Value, into reflect.Value, name string, invalid *failure.Notes) error {
				if err := read(strconv.FormatInt(v.Int(), 10), into); err != nil {
					return invalid.Refusal(name, err)
				}
				return nil
			},
			write: func(v reflect.Value, _ protoreflect.Value) (protoreflect.Value, error) {
				text, err := write(v)
				if err != nil {
					return protoreflect.Value{}, err
				}
				n, err := strconv.ParseInt(text, 10, 64)
				if err != nil {
					return protoreflect.Value{}, err
				}
				return valueOf(n)
			},
		}, err
	}
	if !t.ConvertibleTo(reflect.TypeFor[int64]()) || t.Kind() == reflect.String {
		return codec{}, fmt.Errorf("%s cannot be a number", t)
	}
	return codec{
		read: func(v protoreflect.Value, into reflect.Value, name string, invalid *failure.Notes) error {
			if into.OverflowInt(v.Int()) {
				invalid.Add(name, failure.OutOfRange)
				return nil
			}
			into.SetInt(v.Int())
			return nil
		},
		write: func(v reflect.Value, _ protoreflect.Value) (protoreflect.Value, error) { return valueOf(v.Int()) },
	}, nil
}

func timeCodec(t reflect.Type) codec {
	return codec{
		read: func(v protoreflect.Value, into reflect.Value, name string, invalid *failure.Notes) error {
			at, ok := v.Message().Interface().(*timestamppb.Timestamp)
			if !ok || !at.IsValid() {
				invalid.Add(name, notTime)
				return nil
			}
			into.Set(reflect.ValueOf(at.AsTime()).Convert(t))
			return nil
		},
		write: func(v reflect.Value, _ protoreflect.Value) (protoreflect.Value, error) {
			at := v.Convert(timeType).Interface().(time.Time)
			return protoreflect.ValueOfMessage(timestamppb.New(at.Truncate(time.Millisecond)).ProtoReflect()), nil
		},
	}
}

// jsonCodec is for types that are JSON objects.
func jsonCodec() codec {
	return codec{
		read: func(v protoreflect.Value, into reflect.Value, name string, invalid *failure.Notes) error {
			text, err := protojson.Marshal(v.Message().Interface())
			if err != nil { // a number that JSON does not have
				return invalid.Refusal(name, notJSON)
			}
			var object bytes.Buffer // protojson adds white space at random
			if err := json.Compact(&object, text); err != nil {
				return invalid.Refusal(name, err)
			}
			if err := json.Unmarshal(object.Bytes(), into.Addr().Interface()); err != nil {
				return invalid.Refusal(name, err)
			}
			return nil
		},
		write: func(v reflect.Value, _ protoreflect.Value) (protoreflect.Value, error) {
			text, err := json.Marshal(v.Interface())
			if err != nil {
				return protoreflect.Value{}, err
			}
			object := &structpb.Struct{}
			if err := protojson.Unmarshal(text, object); err != nil {
				return protoreflect.Value{}, err
			}
			return protoreflect.ValueOfMessage(object.ProtoReflect()), nil
		},
	}
}

func (r *planner) structCodec(t reflect.Type, d protoreflect.FieldDescriptor) (codec, error) {
	p, err := r.plan(t, d.Message())
	return codec{
		read: func(v protoreflect.Value, into reflect.Value, name string, invalid *failure.Notes) error {
			return p.read(v.Message(), nil, into, name+".", invalid)
		},
		write: func(v reflect.Value, empty protoreflect.Value) (protoreflect.Value, error) {
			_, err := p.write(v, empty.Message())
			return empty, err
		},
	}, err
}

func (r *planner) listCodec(t reflect.Type, d protoreflect.FieldDescriptor, enum string) (codec, error) {
	if t.Kind() != reflect.Slice {
		return codec{}, fmt.Errorf("%s cannot be repeated", t)
	}
	item, err := r.single(t.Elem(), d, enum)
	isMessage := d.Kind() == protoreflect.MessageKind
	return codec{
		read: func(v protoreflect.Value, into reflect.Value, name string, invalid *failure.Notes) error {
			list := v.List()
			into.Set(reflect.MakeSlice(t, list.Len(), list.Len()))
			for i := range list.Len() {
				if err := item.read(list.Get(i), into.Index(i), fmt.Sprintf("%s.%d", name, i), invalid); err != nil {
					return err
				}
			}
			return nil
		},
		write: func(v reflect.Value, empty protoreflect.Value) (protoreflect.Value, error) {
			list := empty.List()
			for i := range v.Len() {
				var element protoreflect.Value
				if isMessage {
					element = list.NewElement()
				}
				written, err := item.write(v.Index(i), element)
				if err != nil {
					return empty, err
				}
				list.Append(written)
			}
			return empty, nil
		},
	}, err
}

// mapCodec is for maps of texts.
func mapCodec(t reflect.Type, d protoreflect.FieldDescriptor) (codec, error) {
	text := reflect.TypeFor[map[string]string]()
	if !t.ConvertibleTo(text) || d.MapKey().Kind() != protoreflect.StringKind || d.MapValue().Kind() != protoreflect.StringKind {
		return codec{}, errors.New("a map has texts")
	}
	return codec{
		read: func(v protoreflect.Value, into reflect.Value, _ string, _ *failure.Notes) error {
			all := map[string]string{}
			v.Map().Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
				all[key.String()] = value.String()
				return true
			})
			into.Set(reflect.ValueOf(all).Convert(t))
			return nil
		},
		write: func(v reflect.Value, empty protoreflect.Value) (protoreflect.Value, error) {
			all := v.Convert(text).Interface().(map[string]string)
			for key, value := range all {
				empty.Map().Set(protoreflect.ValueOfString(key).MapKey(), protoreflect.ValueOfString(value))
			}
			return empty, nil
		},
	}, nil
}

// unknown returns the number of a field that a message, or one in it, does not know. ok is false if
// there is none.
func unknown(m protoreflect.Message) (number string, ok bool) {
	if raw := m.GetUnknown(); len(raw) > 0 {
		return firstNumber(raw), true
	}
	m.Range(func(d protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if d.Kind() != protoreflect.MessageKind || d.IsMap() {
			return true
		}
		if d.IsList() {
			for i := 0; i < v.List().Len() && !ok; i++ {
				number, ok = unknown(v.List().Get(i).Message())
			}
			return !ok
		}
		number, ok = unknown(v.Message())
		return !ok
	})
	return number, ok
}
