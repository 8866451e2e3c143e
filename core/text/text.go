// Package text validates and compares the text that users enter.
package text

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold returns the form in which two texts that differ only in case are equal: normalised to NFC,
// and case-folded by Unicode's rules. Stores keep it next to the original text.
func Fold(s string) string {
	folded := strings.Map(foldCherokee, cases.Fold().String(norm.NFC.String(s)))
	// Folding can undo the normal form, as it does for ǰ. Normalising again makes Fold idempotent.
	return norm.NFC.String(folded)
}

// foldCherokee maps the small letters of Cherokee to capitals, as Unicode does. Package cases maps
// them the other way round.
func foldCherokee(r rune) rune {
	switch {
	case r >= 0xab70 && r <= 0xabbf:
		return r - 0xab70 + 0x13a0
	case r >= 0x13f8 && r <= 0x13fd:
		return r - 8
	}
	return r
}

// Valid reports whether s is UTF-8 without NUL. Not every store can keep other text.
func Valid(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

// Length returns the number of Unicode code points in s. All limits on the length of text count
// these.
func Length(s string) int { return utf8.RuneCountInString(s) }

// Contains reports whether s contains part, ignoring case.
func Contains(s, part string) bool { return strings.Contains(Fold(s), Fold(part)) }
