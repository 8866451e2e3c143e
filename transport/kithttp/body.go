package kithttp

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/edge/failure"
)

// reader reads one JSON document at a time. The JSON library reads the syntax, and all values that
// can only be malformed. The reader itself reads objects, numbers, bytes and types with their own
// methods: these can be invalid, and it collects every invalid field by name before it returns.
type reader struct {
	dec     *jsontext.Decoder
	options json.Options
	invalid *failure.Notes
}

var readers = sync.Pool{New: func() any {
	r := &reader{dec: jsontext.NewDecoder(&bytes.Buffer{})}
	r.options = json.JoinOptions(
		json.WithUnmarshalers(json.UnmarshalFromFunc(r.value)),
		json.RejectUnknownMembers(true))
	return r
}}

// decodeJSON reads a body into v, a struct of shape s.
func decodeJSON(body []byte, v reflect.Value, s *shape, invalid *failure.Notes) error {
	r := readers.Get().(*reader)
	r.invalid = invalid
	r.dec.Reset(bytes.NewBuffer(body))
	err := r.document(v, s)
	if err != nil {
		err = explain(err, body)
	}
	r.invalid = nil
	r.dec.Reset(&bytes.Buffer{})
	readers.Put(r)
	return err
}

func (r *reader) document(v reflect.Value, s *shape) error {
	if kind := r.dec.PeekKind(); kind != jsontext.KindBeginObject && kind != jsontext.KindInvalid {
		return failure.Malformed("the body must be a JSON object")
	}
	if err := r.object(r.dec, v, s); err != nil {
		return err
	}
	if _, err := r.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return failure.Malformed("the body must be one JSON object, with nothing after it").Wrap(err)
	}
	return nil
}

// object reads the members of an object into v.
func (r *reader) object(dec *jsontext.Decoder, v reflect.Value, s *shape) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	path := dec.StackPointer()
	seen := make([]bool, len(s.members))
	for {
		token, err := dec.ReadToken()
		if err != nil {
			return err
		}
		if token.Kind() == jsontext.KindEndObject {
			break
		}
		name := token.String()
		i, ok := s.byName[name]
		if !ok {
			return s.unknown(path, name)
		}
		seen[i] = true
		m := s.members[i]
		if m.notNull && dec.PeekKind() == jsontext.KindNull {
			if err := r.refuseNull(dec); err != nil {
				return err
			}
			continue
		}
		if m.maxItems > 0 && dec.PeekKind() == jsontext.KindBeginArray {
			if err := r.list(dec, v.FieldByIndex(m.index), m.maxItems); err != nil {
				return err
			}
			continue
		}
		if err := json.UnmarshalDecode(dec, v.FieldByIndex(m.index).Addr().Interface(), r.options); err != nil {
			return err
		}
	}
	for i, m := range s.members {
		if m.required && !seen[i] {
			r.invalid.Add(fieldName(path.AppendToken(m.name)), failure.Required)
		}
	}
	return nil
}

// list reads an array into a slice, or into a pointer to one. It skips the items beyond the limit,
// and notes the field as invalid if there are any.
func (r *reader) list(dec *jsontext.Decoder, into reflect.Value, maxItems int) error {
	if into.Kind() == reflect.Pointer {
		into.Set(reflect.New(into.Type().Elem()))
		into = into.Elem()
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	name := fieldName(dec.StackPointer())
	items := reflect.MakeSlice(into.Type(), 0, 0)
	n := 0
	for ; dec.PeekKind() != jsontext.KindEndArray; n++ {
		if n >= maxItems {
			if err := dec.SkipValue(); err != nil {
				return err
			}
			continue
		}
		item := reflect.New(into.Type().Elem())
		if err := json.UnmarshalDecode(dec, item.Interface(), r.options); err != nil {
			return err
		}
		items = reflect.Append(items, item.Elem())
	}
	if n > maxItems {
		r.invalid.Add(name, failure.TooMany(maxItems))
	}
	into.Set(items)
	_, err := dec.ReadToken()
	return err
}

func (s *shape) unknown(parent jsontext.Pointer, name string) error {
	field := fieldName(parent.AppendToken(name))
	for _, m := range s.members {
		if strings.EqualFold(m.name, name) {
			return failure.MalformedField(field, "is not known: the field is spelled "+m.name)
		}
	}
	return failure.MalformedField(field, "is not known")
}

func (r *reader) refuseNull(dec *jsontext.Decoder) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	r.invalid.Add(fieldName(dec.StackPointer()), "must not be null")
	return nil
}

// value is called by the JSON library for each value; v points to its destination. If value returns
// errors.ErrUnsupported, the library reads the value itself.
func (r *reader) value(dec *jsontext.Decoder, v any) error {
	kind := dec.PeekKind()
	if kind == jsontext.KindInvalid {
		return errors.ErrUnsupported // the library returns the syntax error
	}
	into := reflect.ValueOf(v).Elem()
	t := into.Type()
	if kind == jsontext.KindNull {
		if takesNull(t) {
			return errors.ErrUnsupported
		}
		return r.refuseNull(dec)
	}

	way := wayOf(t)
	if way == plainWay {
		return errors.ErrUnsupported
	}
	if way == structWay && kind == jsontext.KindBeginObject {
		s, err := shapeOf(t)
		if err != nil {
			return err
		}
		return r.object(dec, into, s)
	}
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	name := func() string { return fieldName(dec.StackPointer()) }
	if want := expected(t); want != "" && !fits(way, kind) {
		return failure.MalformedField(name(), want)
	}
	switch way {
	case textWay:
		var text []byte
		if text, err = unquoted(raw); err != nil {
			return err
		}
		if err = v.(encoding.TextUnmarshaler).UnmarshalText(text); err != nil && t == timeType {
			err = notTime
		}
	case jsonWay:
		err = v.(json.Unmarshaler).UnmarshalJSON(raw)
	case intWay:
		err = parseInt(string(raw), into)
	case uintWay:
		err = parseUint(string(raw), into)
	case floatWay:
		err = parseFloat(string(raw), into)
	case bytesWay:
		err = parseBytes(raw, into)
	}
	if err != nil {
		return r.invalid.Refusal(name(), err)
	}
	return nil
}

// way is the way in which values of a type are read.
type way int

const (
	plainWay  way = iota // by the JSON library
	textWay              // by UnmarshalText
	jsonWay              // by UnmarshalJSON
	intWay               // as a whole number
	uintWay              // as a whole number of 0 or more
	floatWay             // as a number
	bytesWay             // as base64
	structWay            // as an object
)

var (
	unmarshalerFromType = reflect.TypeFor[json.UnmarshalerFrom]()
	unmarshalerType     = reflect.TypeFor[json.Unmarshaler]()
	rawType             = reflect.TypeFor[jsontext.Value]()
)

func wayOf(t reflect.Type) way {
	p := reflect.PointerTo(t)
	switch {
	case t == timeType:
		return textWay
	case t.Kind() == reflect.Pointer, t.Kind() == reflect.Interface, p.Implements(unmarshalerFromType):
		return plainWay
	case p.Implements(unmarshalerType):
		return jsonWay
	case p.Implements(textUnmarshalerType):
		return textWay
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return intWay
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return uintWay
	case reflect.Float32, reflect.Float64:
		return floatWay
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return bytesWay
		}
	case reflect.Struct:
		return structWay
	}
	return plainWay
}

// parseBytes reads a JSON string of padded standard base64.
func parseBytes(raw jsontext.Value, into reflect.Value) error {
	text, err := unquoted(raw)
	if err != nil {
		return err
	}
	b := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(b, text)
	if err != nil || bytes.ContainsAny(text, "\r\n") {
		return notBase64
	}
	into.SetBytes(b[:n])
	return nil
}

// unquoted returns the text of a JSON string, which is a part of raw if it has no escapes.
func unquoted(raw jsontext.Value) ([]byte, error) {
	if !bytes.ContainsRune(raw, '\\') {
		return raw[1 : len(raw)-1], nil
	}
	return jsontext.AppendUnquote(nil, raw)
}

// takesNull reports whether null is a value of the type: of a pointer, an Optional, an interface or
// a raw JSON value.
func takesNull(t reflect.Type) bool {
	return t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface || t == rawType || t.Implements(optionalType)
}

func fits(w way, kind jsontext.Kind) bool {
	switch w {
	case textWay, bytesWay:
		return kind == jsontext.KindString
	case intWay, uintWay, floatWay:
		return kind == jsontext.KindNumber
	case structWay:
		return kind == jsontext.KindBeginObject
	default:
		return true
	}
}

// expected returns the message for a value of the wrong JSON type, or "" if the type accepts any.
func expected(t reflect.Type) string {
	switch wayOf(t) {
	case textWay, bytesWay:
		return "must be a string"
	case intWay, uintWay, floatWay:
		return "must be a number"
	case structWay:
		return "must be an object"
	case jsonWay:
		return ""
	}
	switch t.Kind() {
	case reflect.Pointer:
		return expected(t.Elem())
	case reflect.String:
		return "must be a string"
	case reflect.Bool:
		return string(notBool)
	case reflect.Map:
		return "must be an object"
	case reflect.Slice, reflect.Array:
		return "must be an array"
	}
	return ""
}

// explain turns an error of the JSON library, which names Go types, into one for the client.
func explain(err error, body []byte) error {
	semantic, isSemantic := errors.AsType[*json.SemanticError](err)
	if f, ok := errors.AsType[*fault.Error](err); ok {
		if isSemantic && len(f.Fields) == 0 && semantic.JSONPointer != "" {
			return failure.Named(fieldName(semantic.JSONPointer), f)
		}
		return f
	}
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return explainSyntax(syntactic, body)
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return failure.Malformed("the body ends before its JSON is complete").Wrap(err)
	case !isSemantic:
		return failure.Malformed("the body cannot be read").Wrap(err)
	case semantic.Err == nil && semantic.GoType != nil && expected(semantic.GoType) != "":
		return failure.MalformedField(fieldName(semantic.JSONPointer), expected(semantic.GoType))
	default:
		return fault.InvalidField(fieldName(semantic.JSONPointer), "is not valid")
	}
}

// deepestJSON is the nesting at which jsontext stops reading. The library exports neither the
// number nor an error for it.
const deepestJSON = 10_000 - 1

func explainSyntax(e *jsontext.SyntacticError, body []byte) error {
	message := fmt.Sprintf("is not JSON at byte %d", e.ByteOffset)
	switch {
	case errors.Is(e, jsontext.ErrDuplicateName):
		message = "is given twice"
	case errors.Is(e, io.ErrUnexpectedEOF):
		message = "ends before its JSON is complete"
	case !utf8.Valid(body):
		message = "is not UTF-8"
	case strings.Count(string(e.JSONPointer), "/") >= deepestJSON:
		message = "is nested too deeply"
	}
	if e.JSONPointer == "" {
		return failure.Malformed("the body " + message).Wrap(e)
	}
	return failure.MalformedField(fieldName(e.JSONPointer), message).Wrap(e)
}

// fieldName writes a place in a document as name.name.0. It cuts off very deep places.
func fieldName(p jsontext.Pointer) string {
	const deepest = 8
	var b strings.Builder
	depth := 0
	for token := range p.Tokens() {
		if depth++; depth > deepest {
			b.WriteString("…")
			break
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(token)
	}
	return failure.Readable(b.String(), failure.MaxName)
}
