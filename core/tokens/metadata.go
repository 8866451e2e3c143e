package tokens

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/cicerone-go/cicerone/core/fault"
)

// The bounds of metadata.
const (
	MaxMetadataBytes = 4096 // in canonical form
	maxMetadataDepth = 32
)

// Metadata is a JSON object in RFC 8785 canonical form. Every store returns it byte for byte. The
// zero value is the empty object.
type Metadata struct{ canonical string }

// ParseMetadata reads a JSON object and converts it to canonical form. Parsing the result of String
// returns the same Metadata again. Errors are fault.Invalid on the field metadata: the input is not
// an object, repeats a key, has text that is not UTF-8 or has a NUL, has a number that a double
// does not hold, is nested too deep, or is longer than MaxMetadataBytes in canonical form.
func ParseMetadata(b []byte) (Metadata, error) {
	if len(b) > 16*MaxMetadataBytes { // an escape takes at most 6 bytes for 1; the rest is room for space
		return Metadata{}, fault.InvalidField("metadata", "must be at most 4096 bytes in canonical form")
	}
	c, err := Canonical(b)
	if err != nil {
		return Metadata{}, fault.InvalidField("metadata", err.Error())
	}
	if len(c) > MaxMetadataBytes {
		return Metadata{}, fault.InvalidField("metadata", fmt.Sprintf("must be at most 4096 bytes in canonical form, this has %d", len(c)))
	}
	if c == "{}" {
		return Metadata{}, nil
	}
	return Metadata{canonical: c}, nil
}

// Reference returns metadata with one key, which names the thing that a transaction was for: for
// example message_id and the id of the message.
func Reference(name string, value fmt.Stringer) Metadata {
	return Metadata{canonical: CanonicalTexts(map[string]string{name: value.String()})}
}

// CanonicalTexts returns a JSON object of strings by name, in RFC 8785 canonical form.
func CanonicalTexts(texts map[string]string) string {
	object := jsontext.Value{'{'}
	for name, value := range texts {
		if len(object) > 1 {
			object = append(object, ',')
		}
		object = append(appendQuoted(object, name), ':')
		object = appendQuoted(object, value)
	}
	object = append(object, '}')
	if len(texts) > 1 {
		if err := object.Canonicalize(); err != nil {
			panic(fmt.Sprintf("tokens: an object of quoted texts is not JSON: %v", err)) // a defect of this function
		}
	}
	return string(object)
}

// appendQuoted appends s as a JSON string in canonical form. Bytes that are not UTF-8 become
// U+FFFD.
func appendQuoted(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, strings.ToValidUTF8(s, "\ufffd")) // the only error is invalid UTF-8
	return b
}

// String returns the canonical form.
func (m Metadata) String() string {
	if m.canonical == "" {
		return "{}"
	}
	return m.canonical
}

// MarshalJSON implements json.Marshaler with the canonical form.
func (m Metadata) MarshalJSON() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalJSON implements json.Unmarshaler with ParseMetadata. It reads null as the empty object.
func (m *Metadata) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*m = Metadata{}
		return nil
	}
	parsed, err := ParseMetadata(b)
	if err != nil {
		return err
	}
	*m = parsed
	return nil
}

// Canonical returns the JSON object in b in RFC 8785 canonical form. It returns an error for the
// same input as ParseMetadata, but has no limit of size. The text of an error continues a sentence
// that begins with the name of the field.
func Canonical(b []byte) (string, error) {
	if isReference(b) {
		return string(b), nil
	}
	if err := checkObject(b); err != nil {
		return "", err
	}
	object := jsontext.Value(bytes.Clone(b))
	if err := object.Canonicalize(); err != nil {
		return "", refuseSyntax(b, err)
	}
	return string(object), nil
}

// isReference reports whether b is an object with one text, as Reference returns it, and without
// escapes: it is in canonical form already. Nearly all metadata is, and audits read a lot of it.
func isReference(b []byte) bool {
	const begin, between, end = `{"`, `":"`, `"}`
	if len(b) < len(begin+between+end) || string(b[:len(begin)]) != begin || string(b[len(b)-len(end):]) != end {
		return false
	}
	name, value, found := bytes.Cut(b[len(begin):len(b)-len(end)], []byte(between))
	return found && isPlain(name) && isPlain(value)
}

// isPlain reports whether a JSON string with the bytes b has only printable ASCII without escapes.
func isPlain(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

var (
	errNotObject = errors.New("must be a JSON object")
	errText      = errors.New("must be valid UTF-8 without NUL")
)

// checkObject returns an error if b is not one JSON object that every JSON parser reads alike and
// that every store can keep.
func checkObject(b []byte) error {
	d := jsontext.NewDecoder(bytes.NewBuffer(b))
	if d.PeekKind() != '{' {
		return errNotObject
	}
	for {
		t, err := d.ReadToken()
		if err != nil {
			return refuseSyntax(b, err)
		}
		switch t.Kind() {
		case '"':
			if strings.ContainsRune(t.String(), 0) {
				return errText
			}
		case '0':
			if err := checkNumber(t.String()); err != nil {
				return err
			}
		}
		switch depth := d.StackDepth(); {
		case depth > maxMetadataDepth:
			return fmt.Errorf("must not be nested deeper than %d", maxMetadataDepth)
		case depth == 0:
			if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
				return errors.New("must be one JSON object, and nothing after it")
			}
			return nil
		}
	}
}

// refuseSyntax converts err, which jsontext returned for b, to an error for the client.
func refuseSyntax(b []byte, err error) error {
	syntax, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case ok && errors.Is(err, jsontext.ErrDuplicateName):
		return fmt.Errorf("must not repeat the key %q", syntax.JSONPointer.LastToken())
	case jsontext.Value(b).IsValid(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)):
		return errText // bytes that are not UTF-8, or an escaped surrogate without its pair
	}
	return errNotObject
}

// checkNumber returns an error if the number is out of the range of a double, or if it is an
// integer that a double does not hold exactly, like most integers beyond 2^53.
func checkNumber(n string) error {
	v, err := strconv.ParseFloat(n, 64)
	switch {
	case err != nil:
		return fmt.Errorf("must not hold the number %s, which is out of range; send it as a string", clip(n))
	case v != 0 && !strings.ContainsAny(n, ".eE") && jsontext.Float(v).String() != n:
		return fmt.Errorf("must not hold the integer %s, which a double cannot; send it as a string", clip(n))
	}
	return nil
}

func clip(n string) string {
	if len(n) > 30 {
		return n[:30] + "…"
	}
	return n
}
