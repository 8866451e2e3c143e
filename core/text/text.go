// Package text holds the one way in which Cicerone judges and compares what people type.
package text

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold gives the form in which two texts are equal "without regard to case": normalised
// (NFC), then case-folded by Unicode's rules. It is stored beside the text as typed.
func Fold(s string) string {
	folded := strings.Map(foldCherokee, cases.Fold().String(norm.NFC.String(s)))
	// Folding can undo the normal form (ǰ and its like), so it is put back: Fold(Fold(s)) = Fold(s).
	return norm.NFC.String(folded)
}

// foldCherokee makes the small letters of Cherokee capital, as Unicode folds them. Package cases
// exchanges the two.
func foldCherokee(r rune) rune {
	switch {
	case r >= 0xab70 && r <= 0xabbf:
		return r - 0xab70 + 0x13a0
	case r >= 0x13f8 && r <= 0x13fd:
		return r - 8
	}
	return r
}

// Valid reports whether s is UTF-8 without NUL, which is all that every store can keep.
func Valid(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

// Length counts characters: Unicode code points, as all lengths of text are meant.
func Length(s string) int { return utf8.RuneCountInString(s) }

// Contains reports whether part stands in s without regard to case.
func Contains(s, part string) bool { return strings.Contains(Fold(s), Fold(part)) }
