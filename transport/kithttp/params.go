package kithttp

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/cicerone-go/cicerone/transport/edge/failure"
)

// param is a field of the path, the query or a header.
type param struct {
	name     string
	index    []int
	codec    codec
	required bool
	maxItems int // of a slice; 0 for no limit
}

// codec turns the text of a parameter into a field and back.
type codec struct {
	optional bool // a pointer: nil is absent
	repeated bool // a slice
	parse    func(text string, into reflect.Value) error
	format   func(reflect.Value) (string, error)
}

var (
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
	textMarshalerType   = reflect.TypeFor[encoding.TextMarshaler]()
	timeType            = reflect.TypeFor[time.Time]()
)

const (
	notBool   failure.Complaint = "must be true or false"
	notTime   failure.Complaint = "must be a time as in RFC 3339"
	notBase64 failure.Complaint = "must be base64"
)

// codecOf returns the codec of a type of parameter. Only a repeatable parameter may be a slice.
func codecOf(t reflect.Type, repeatable bool) (codec, error) {
	switch {
	case reflect.PointerTo(t).Implements(textUnmarshalerType):
		if !reflect.PointerTo(t).Implements(textMarshalerType) {
			return codec{}, fmt.Errorf("%s has UnmarshalText but no MarshalText", t)
		}
		return codec{parse: parseText, format: formatText}, nil
	case t.Kind() == reflect.Pointer:
		c, err := codecOf(t.Elem(), false)
		if err != nil || c.optional {
			return codec{}, fmt.Errorf("a parameter cannot have the type %s", t)
		}
		return codec{
			optional: true,
			parse: func(text string, into reflect.Value) error {
				into.Set(reflect.New(t.Elem()))
				return c.parse(text, into.Elem())
			},
			format: func(v reflect.Value) (string, error) { return c.format(v.Elem()) },
		}, nil
	case t.Kind() == reflect.Slice && repeatable:
		c, err := codecOf(t.Elem(), false)
		if err != nil || c.optional {
			return codec{}, fmt.Errorf("a parameter cannot have the type %s", t)
		}
		c.repeated = true
		return c, nil
	}

	switch t.Kind() {
	case reflect.String:
		return codec{
			parse:  func(text string, into reflect.Value) error { into.SetString(text); return nil },
			format: func(v reflect.Value) (string, error) { return v.String(), nil },
		}, nil
	case reflect.Bool:
		return codec{
			parse:  parseBool,
			format: func(v reflect.Value) (string, error) { return strconv.FormatBool(v.Bool()), nil },
		}, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return codec{
			parse:  parseInt,
			format: func(v reflect.Value) (string, error) { return strconv.FormatInt(v.Int(), 10), nil },
		}, nil
	}
	return codec{}, fmt.Errorf("a parameter cannot have the type %s", t)
}

func parseText(text string, into reflect.Value) error {
	err := into.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
	if err != nil && into.Type() == timeType {
		return notTime
	}
	return err
}

func formatText(v reflect.Value) (string, error) {
	text, err := addressable(v).Addr().Interface().(encoding.TextMarshaler).MarshalText()
	return string(text), err
}

func parseBool(text string, into reflect.Value) error {
	if text != "true" && text != "false" {
		return notBool
	}
	into.SetBool(text == "true")
	return nil
}

func parseInt(text string, into reflect.Value) error {
	n, err := strconv.ParseInt(text, 10, into.Type().Bits())
	if errors.Is(err, strconv.ErrRange) {
		return failure.OutOfRange
	}
	if err != nil {
		return failure.NotWhole
	}
	into.SetInt(n)
	return nil
}

func parseUint(text string, into reflect.Value) error {
	n, err := strconv.ParseUint(text, 10, into.Type().Bits())
	if errors.Is(err, strconv.ErrRange) {
		return failure.OutOfRange
	}
	if err != nil {
		return failure.NotWhole
	}
	into.SetUint(n)
	return nil
}

func parseFloat(text string, into reflect.Value) error {
	f, err := strconv.ParseFloat(text, into.Type().Bits())
	if err != nil { // the syntax is already checked
		return failure.OutOfRange
	}
	into.SetFloat(f)
	return nil
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

// set parses the texts given for a parameter into its field of v.
func (p param) set(v reflect.Value, texts ...string) error {
	field := v.FieldByIndex(p.index)
	if !p.codec.repeated {
		return p.codec.parse(texts[0], field)
	}
	list := reflect.MakeSlice(field.Type(), len(texts), len(texts))
	for i, text := range texts {
		if err := p.codec.parse(text, list.Index(i)); err != nil {
			return err
		}
	}
	field.Set(list)
	return nil
}

// texts is the inverse of set. A parameter that is nil, empty or zero is not sent, unless it is
// required.
func (p param) texts(v reflect.Value) ([]string, error) {
	field := v.FieldByIndex(p.index)
	switch {
	case p.codec.repeated:
		var texts []string
		for i := range field.Len() {
			text, err := p.codec.format(field.Index(i))
			if err != nil {
				return nil, err
			}
			texts = append(texts, text)
		}
		return texts, nil
	case field.IsZero() && (p.codec.optional || !p.required):
		return nil, nil
	default:
		text, err := p.codec.format(field)
		return []string{text}, err
	}
}
