package text

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/cicerone-go/cicerone/core/fault"
)

// Need says whether a text may be absent.
type Need bool

// The needs.
const (
	Optional Need = false
	Required Need = true // the text has a visible character
)

// Line returns one line of text, such as a name, as it is stored: in NFC, without white space and
// ignorable characters at its ends, and with one blank for each run of white space. An optional
// line without visible characters is "". Line adds the field to f if s is not Valid, has
// bidirectional or other control characters, has no visible character although it is required, or
// is longer than maximum characters as it is stored.
func Line(f *fault.Fields, field, s string, need Need, maximum int) string {
	if isPlain(s) {
		limit(f, field, s, maximum)
		return s
	}
	if !check(f, field, s) {
		return ""
	}
	line := oneLine(s)
	switch {
	case strings.ContainsFunc(s, isBidiControl):
		f.Add(field, "must not contain characters that change the direction of text")
	case strings.ContainsFunc(line, unicode.IsControl):
		f.Add(field, "must not contain control characters")
	case !Visible(line):
		needVisible(f, field, s, need)
		return ""
	}
	limit(f, field, line, maximum)
	return line
}

// Long returns text of any number of lines, such as a biography, as it is stored: in NFC, and else
// as it was typed. Long adds the field to f if s is not Valid, has no visible character although it
// is required, or is longer than maximum characters as it is stored.
func Long(f *fault.Fields, field, s string, need Need, maximum int) string {
	if !check(f, field, s) {
		return ""
	}
	if !Visible(s) {
		needVisible(f, field, s, need)
	}
	s = norm.NFC.String(s)
	limit(f, field, s, maximum)
	return s
}

func check(f *fault.Fields, field, s string) bool {
	valid := Valid(s)
	f.Check(valid, field, "must be valid UTF-8 without NUL")
	return valid
}

func needVisible(f *fault.Fields, field, s string, need Need) {
	f.Check(need == Optional || s == "", field, "must not be blank")
	f.Check(need == Optional || s != "", field, "must not be empty")
}

func limit(f *fault.Fields, field, s string, maximum int) {
	if n := Length(s); n > maximum {
		f.Add(field, fmt.Sprintf("must have at most %d characters, this has %d", maximum, n))
	}
}
