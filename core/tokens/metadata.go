package tokens

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/text"
)

// The bounds of metadata.
const (
	MaxMetadataBytes = 4096 // in canonical form
	maxMetadataDepth = 32
)

// Metadata is a JSON object in RFC 8785 canonical form, which every store gives back byte for
// byte. The zero value is the empty object.
type Metadata struct{ canonical string }

// ParseMetadata reads a JSON object and brings it into canonical form; what String gives, it reads as
// the same again. Errors are fault.Invalid on the field metadata: not an object, a repeated key, text
// that cannot be kept, a number that does not survive as a double, nested too deep, or above
// MaxMetadataBytes.
func ParseMetadata(b []byte) (Metadata, error) {
	if len(b) > 16*MaxMetadataBytes { // no spelling of 4 KiB that anyone means is longer
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

// Reference is the metadata that names what a transaction was for, like message_id and its id.
func Reference(name string, value fmt.Stringer) Metadata {
	return Metadata{canonical: CanonicalTexts(map[string]string{name: value.String()})}
}

// CanonicalTexts writes texts by name as a JSON object in RFC 8785 canonical form.
func CanonicalTexts(texts map[string]string) string {
	members := make([]member, 0, len(texts))
	for name, value := range texts {
		var quoted strings.Builder
		writeString(&quoted, value)
		members = append(members, newMember(name, quoted.String()))
	}
	var out strings.Builder
	writeMembers(&out, members)
	return out.String()
}

// String is the canonical form.
func (m Metadata) String() string {
	if m.canonical == "" {
		return "{}"
	}
	return m.canonical
}

// MarshalJSON implements json.Marshaler with the canonical form.
func (m Metadata) MarshalJSON() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalJSON implements json.Unmarshaler as ParseMetadata; null is the empty object.
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

// Canonical writes the JSON object in b as RFC 8785 has it, for stores. It refuses what
// ParseMetadata does, but for the size; its errors read on from "metadata".
func Canonical(b []byte) (string, error) {
	if !utf8.Valid(b) || hasLoneSurrogate(b) {
		return "", fmt.Errorf("must be valid UTF-8 without NUL")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var out strings.Builder
	t, err := d.Token()
	if err != nil || t != json.Delim('{') {
		return "", fmt.Errorf("must be a JSON object")
	}
	if err := writeObject(&out, d, 1); err != nil {
		return "", err
	}
	if _, err := d.Token(); err != io.EOF {
		return "", fmt.Errorf("must be one JSON object, and nothing after it")
	}
	return out.String(), nil
}

// hasLoneSurrogate reports whether JSON escapes half of a UTF-16 pair, for which the decoder would put
// another character without a word.
func hasLoneSurrogate(b []byte) bool {
	var high bool // a high half stands just before
	for i := 0; i < len(b); {
		unit, size := rune(0), 1
		if b[i] == '\\' {
			unit, size = escaped(b[i:])
		}
		low := unit >= 0xdc00 && unit <= 0xdfff
		if low != high {
			return true
		}
		high = unit >= 0xd800 && unit <= 0xdbff
		i += size
	}
	return high
}

// escaped reads the escape that b begins with: its code unit, 0 where it is none of the form \u and four digits,
// and its length.
func escaped(b []byte) (rune, int) {
	if len(b) < 6 || b[1] != 'u' {
		return 0, 2
	}
	unit, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return 0, 2
	}
	return rune(unit), 6
}

func writeValue(out *strings.Builder, d *json.Decoder, depth int) error {
	t, err := d.Token()
	if err != nil {
		return fmt.Errorf("must be a JSON object")
	}
	switch v := t.(type) {
	case json.Delim:
		if depth >= maxMetadataDepth {
			return fmt.Errorf("must not be nested deeper than %d", maxMetadataDepth)
		}
		if v == '{' {
			return writeObject(out, d, depth+1)
		}
		return writeArray(out, d, depth+1)
	case string:
		if !text.Valid(v) {
			return fmt.Errorf("must be valid UTF-8 without NUL")
		}
		writeString(out, v)
	case json.Number:
		return writeNumber(out, v)
	case bool:
		out.WriteString(strconv.FormatBool(v))
	default:
		out.WriteString("null")
	}
	return nil
}

func writeArray(out *strings.Builder, d *json.Decoder, depth int) error {
	out.WriteByte('[')
	for i := 0; d.More(); i++ {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := writeValue(out, d, depth); err != nil {
			return err
		}
	}
	out.WriteByte(']')
	return closing(d)
}

func writeObject(out *strings.Builder, d *json.Decoder, depth int) error {
	var members []member
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return fmt.Errorf("must be a JSON object")
		}
		name, _ := t.(string) // the decoder refuses any other kind of name
		if !text.Valid(name) {
			return fmt.Errorf("must be valid UTF-8 without NUL")
		}
		if seen[name] {
			return fmt.Errorf("must not repeat the key %q", name)
		}
		seen[name] = true
		var value strings.Builder
		if err := writeValue(&value, d, depth); err != nil {
			return err
		}
		members = append(members, newMember(name, value.String()))
	}
	writeMembers(out, members)
	return closing(d)
}

// member is one name of an object and its value as it is written.
type member struct {
	name  string
	units []uint16 // of the name: UTF-16, by which members are sorted
	value string
}

func newMember(name, value string) member {
	return member{name, utf16.Encode([]rune(name)), value}
}

// writeMembers sorts the members by the UTF-16 code units of their names (RFC 8785, 3.2.3).
func writeMembers(out *strings.Builder, members []member) {
	slices.SortFunc(members, func(a, b member) int { return slices.Compare(a.units, b.units) })
	out.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			out.WriteByte(',')
		}
		writeString(out, m.name)
		out.WriteByte(':')
		out.WriteString(m.value)
	}
	out.WriteByte('}')
}

func closing(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("must be a JSON object")
	}
	return nil
}

// writeNumber formats as ECMAScript does (RFC 8785, 3.2.2.3), which encoding/json follows but for
// minus zero. An integer that would come back as another one, as most beyond 2^53, is refused.
func writeNumber(out *strings.Builder, n json.Number) error {
	v, err := n.Float64()
	if err != nil {
		return fmt.Errorf("must not hold the number %s, which is out of range; send it as a string", clip(n))
	}
	if v == 0 {
		out.WriteByte('0') // minus zero, too
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("must not hold the number %s", clip(n))
	}
	if !strings.ContainsAny(n.String(), ".eE") && string(b) != n.String() {
		return fmt.Errorf("must not hold the integer %s, which a double cannot; send it as a string", clip(n))
	}
	out.Write(b)
	return nil
}

func clip(n json.Number) string {
	if s := n.String(); len(s) > 30 {
		return s[:30] + "…"
	}
	return n.String()
}

// writeString escapes only what RFC 8785, 3.2.2.2, asks for.
func writeString(out *strings.Builder, s string) {
	out.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '\b':
			out.WriteString(`\b`)
		case r == '\t':
			out.WriteString(`\t`)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\f':
			out.WriteString(`\f`)
		case r == '\r':
			out.WriteString(`\r`)
		case r < 0x20:
			fmt.Fprintf(out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
}
