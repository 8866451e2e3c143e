package text

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/runes"
	"golang.org/x/text/unicode/norm"
)

// Folding is the number of the rules by which Fold, FoldAddress and SearchFold work. Stores keep
// what these return, and compute it again when the number has changed.
const Folding = 2

// Folded is a text in the form in which two texts that are the same are equal. Fold and FoldAddress
// make it. Stores keep it next to the original text.
type Folded struct{ s string }

// String returns the form, for stores.
func (f Folded) String() string { return f.s }

// MarshalText returns the form.
func (f Folded) MarshalText() ([]byte, error) { return []byte(f.s), nil }

// UnmarshalText folds the text.
func (f *Folded) UnmarshalText(b []byte) error {
	*f = Fold(string(b))
	return nil
}

// Fold returns the form of one line of text in which two texts that differ only in case, in white
// space and ignorable characters at their ends, or in the length of white space, are equal: in NFC,
// and case-folded by Unicode's rules.
func Fold(s string) Folded { return Folded{fold(oneLine(s))} }

func fold(s string) string {
	folded := strings.Map(foldCherokee, cases.Fold().String(s))
	// Folding can undo the normal form, as it does for ǰ. Normalising again makes it idempotent.
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

// Searched is a text in the form that searches compare. SearchFold makes it. Stores keep it next to
// the original text.
type Searched struct{ s string }

// String returns the form, for stores.
func (s Searched) String() string { return s.s }

// MarshalText returns the form.
func (s Searched) MarshalText() ([]byte, error) { return []byte(s.s), nil }

// UnmarshalText makes the form of the text.
func (s *Searched) UnmarshalText(b []byte) error {
	*s = SearchFold(string(b))
	return nil
}

// SearchFold returns the form of one line of text in which two texts are equal if they differ only
// in what Fold ignores, in marks like accents, or in the dot of an i.
func SearchFold(s string) Searched {
	unmarked := runes.Remove(runes.In(unicode.Mn)).String(norm.NFD.String(fold(oneLine(s))))
	return Searched{oneLine(strings.ReplaceAll(unmarked, "ı", "i"))}
}

// Contains reports whether s contains part, compared as searches do.
func Contains(s, part string) bool {
	return strings.Contains(SearchFold(s).s, SearchFold(part).s)
}
