package kithttp

import (
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Optional is a JSON field with three states: absent (the zero value), null, and a value. Its tag
// should have omitzero, as in `json:"name,omitzero"`. Without omitzero, an absent field is written
// as null.
type Optional[T any] struct {
	Set   bool // the field is present, as null or as a value
	Null  bool
	Value T
}

// Some returns an Optional with a value.
func Some[T any](v T) Optional[T] { return Optional[T]{Set: true, Value: v} }

// Null returns an Optional that is null.
func Null[T any]() Optional[T] { return Optional[T]{Set: true, Null: true} }

// IsZero reports whether the field is absent. The omitzero option uses it.
func (o Optional[T]) IsZero() bool { return !o.Set }

// Ptr returns a pointer to a copy of the value, or nil if the field is absent or null.
func (o Optional[T]) Ptr() *T {
	if !o.Set || o.Null {
		return nil
	}
	return &o.Value
}

// MarshalJSONTo writes null or the value.
func (o Optional[T]) MarshalJSONTo(enc *jsontext.Encoder) error {
	if !o.Set || o.Null {
		return enc.WriteToken(jsontext.Null)
	}
	return json.MarshalEncode(enc, o.Value)
}

// UnmarshalJSONFrom reads null or the value.
func (o *Optional[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*o = Optional[T]{Set: true}
	if dec.PeekKind() == jsontext.KindNull {
		o.Null = true
		_, err := dec.ReadToken()
		return err
	}
	return json.UnmarshalDecode(dec, &o.Value)
}

// optionalOf returns the type of the value, for the decoder and the OpenAPI document.
func (Optional[T]) optionalOf() reflect.Type { return reflect.TypeFor[T]() }

type optional interface{ optionalOf() reflect.Type }

var optionalType = reflect.TypeFor[optional]()

// OptionalOf returns the type of the value of an Optional type, for another transport. ok is false for
// another type.
func OptionalOf(t reflect.Type) (value reflect.Type, ok bool) {
	if !t.Implements(optionalType) {
		return nil, false
	}
	return reflect.Zero(t).Interface().(optional).optionalOf(), true
}
