// Package text prepares, validates and compares the text that users enter. Every text that is
// stored, compared or searched goes through one of its functions: Line and Long for what is stored,
// Fold and FoldAddress for what is compared, SearchFold for what is searched.
package text

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Valid reports whether s is UTF-8 without NUL. Not every store can keep other text.
func Valid(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

// Length returns the number of Unicode code points in s. All limits on the length of text count
// these.
func Length(s string) int { return utf8.RuneCountInString(s) }

// Visible reports whether s has a visible character: one that is neither white space, nor a control
// character, nor ignorable by default (which includes the fillers of Hangul), nor the blank pattern
// of Braille.
func Visible(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return !isBlank(r) && !unicode.IsControl(r) && r != '\u2800'
	})
}

// oneLine returns s in NFC, without white space and ignorable characters at its ends, and with one
// blank for each run of white space between.
func oneLine(s string) string {
	s = strings.TrimFunc(norm.NFC.String(s), isBlank)
	return strings.Join(strings.FieldsFunc(s, unicode.IsSpace), " ")
}

// isPlain reports whether s is one line of printable ASCII without extra spaces, as most texts are.
// Such a line needs no slow look at the properties of its characters.
func isPlain(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c == ' ' && (i == 0 || i == len(s)-1 || s[i-1] == ' ') || c < ' ' || c > '~' {
			return false
		}
	}
	return s != ""
}

func isBlank(r rune) bool { return unicode.IsSpace(r) || isIgnorable(r) }

// isIgnorable is Unicode's derived property Default_Ignorable_Code_Point.
func isIgnorable(r rune) bool {
	if unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || unicode.Is(unicode.Variation_Selector, r) {
		return true
	}
	return unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r) &&
		!(r >= 0xfff9 && r <= 0xfffb) && // interlinear annotations
		!(r >= 0x13430 && r <= 0x13440) // format controls of Egyptian hieroglyphs
}

// isBidiControl reports whether r changes the direction of the text around it.
func isBidiControl(r rune) bool { return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 }
