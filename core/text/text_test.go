package text_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/text"
)

// same lists groups of texts that differ only in case.
var same = [][]string{
	{"Ada", "ADA", "ada", "aDA", "Ada ", "\u200bAda\u00a0"},
	{"Ada Lovelace", " ada\t\u3000LOVELACE\n"}, // white space and what is invisible at the ends
	{"Straße", "STRASSE", "strasse", "STRAẞE"},
	{"Émile", "E\u0301mile", "émile", "ÉMILE"},
	{"ǰ", "J\u030c", "j\u030c"},                           // folding decomposes ǰ, which has no capital
	{"Σίσυφος", "ΣΊΣΥΦΟΣ", "σίσυφοσ"},                     // the final sigma
	{"ᾳ", "ΑΙ", "αι", "α\u0345"},                          // iota subscript
	{"ﬁn", "FIN"},                                         // a ligature
	{"q\u0307\u0323", "Q\u0323\u0307"},                    // marks in another order
	{"\u1e9b\u0323", "\u1e69"},                            // long s with two dots is s with two dots
	{"\u0130stanbul", "i\u0307stanbul", "I\u0307STANBUL"}, // the Turkish capital i with its dot
	{"\uab70", "\u13a0"},                                  // Cherokee folds to its capitals
	{"K", "\u212a", "k"}, {"Å", "\u212b", "a\u030a", "å"}, // the signs for kelvin and ångström
}

// different lists pairs of texts that look alike and are not equal.
var different = [][2]string{
	{"I", "ı"},             // the Turkish i without a dot; the rules are the same for all languages
	{"\u0130", "I"},        // the Turkish capital I with a dot
	{"e", "é"},             // an accent
	{"AdaL", "Ada L"},      // a space
	{"A", "А"},             // Latin and Cyrillic
	{"file", "ﬁ\u200ble"},  // an invisible character
	{"\u00bd", "1\u20442"}, // a compatibility form, which NFC keeps
}

func TestFold(t *testing.T) {
	for _, group := range same {
		for _, s := range group[1:] {
			if got, want := text.Fold(s), text.Fold(group[0]); got != want {
				t.Errorf("%+q folds to %+q, and %+q to %+q; want the same form", s, got, group[0], want)
			}
		}
	}
	for _, pair := range different {
		if text.Fold(pair[0]) == text.Fold(pair[1]) {
			t.Errorf("%+q and %+q fold to the same form", pair[0], pair[1])
		}
	}
}

func FuzzFold(f *testing.F) {
	for _, group := range same {
		f.Add(strings.Join(group, " "))
		f.Add(strings.Join(group, ""))
	}
	for _, pair := range different {
		f.Add(pair[0] + pair[1])
	}
	f.Add("\u0345\u0301")
	f.Add("J\u0323\u030c")
	f.Add("\xff\xfe")
	f.Fuzz(func(t *testing.T, s string) {
		checkIdempotent(t, s)
		if folded := text.Fold(s).String(); text.Valid(s) && !text.Valid(folded) {
			t.Errorf("%+q is valid but folds to %+q, which is not", s, folded)
		}
		if !text.Contains(s, s) {
			t.Errorf("%+q does not contain itself", s)
		}
	})
}

// TestFoldIsIdempotent folds each character alone, after a letter, and between marks.
func TestFoldIsIdempotent(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !unicode.IsPrint(r) && !unicode.IsMark(r) || unicode.In(r, unicode.Han, unicode.Hangul, unicode.Tangut) {
			continue // unassigned, or in a large script that has neither case nor marks
		}
		s := fmt.Sprintf("%c a\u0345%c\u0301 J%c\u030c", r, r, r)
		checkIdempotent(t, s)
	}
}

// checkIdempotent fails the test if a form of s has another form.
func checkIdempotent(t *testing.T, s string) {
	t.Helper()
	var f fault.Fields
	for name, form := range map[string]func(string) string{
		"Fold":        func(s string) string { return text.Fold(s).String() },
		"SearchFold":  func(s string) string { return text.SearchFold(s).String() },
		"FoldAddress": func(s string) string { return text.FoldAddress(s).String() },
		"Line":        func(s string) string { return text.Line(&f, "name", s, text.Optional, 1000) },
		"Long":        func(s string) string { return text.Long(&f, "bio", s, text.Optional, 1000) },
	} {
		once := form(s)
		if again := form(once); again != once {
			t.Errorf("%s of %+q is %+q, and of that %+q", name, s, once, again)
		}
	}
}

func TestValid(t *testing.T) {
	for s, want := range map[string]bool{
		"": true, "plain": true, "日本": true, "line\nbreak": true, "\ufffd": true,
		"a\x00b": false, "\xff": false, "\xed\xa0\x80": false, "cut\xc3": false,
	} {
		if got := text.Valid(s); got != want {
			t.Errorf("Valid(%+q) = %v, want %v", s, got, want)
		}
	}
}

func TestLengthCountsCodePoints(t *testing.T) {
	for s, want := range map[string]int{"": 0, "Ada": 3, "日本": 2, "e\u0301": 2, "👩‍🚀": 3} {
		if got := text.Length(s); got != want {
			t.Errorf("Length(%+q) = %d, want %d", s, got, want)
		}
	}
}

func TestContains(t *testing.T) {
	for _, test := range []struct {
		s, part string
		want    bool
	}{
		{"Große Straße", "STRASSE", true},
		{"Ada Lovelace", "love", true},
		{"Ada Lovelace", "", true},
		{"Ada Lovelace", "lave", false},
		{"E\u0301mile", "émi", true},
		{"São Paulo", "sao ", true},
		{"Ada Lovelace", "é", true},
	} {
		if got := text.Contains(test.s, test.part); got != test.want {
			t.Errorf("Contains(%q, %q) = %v, want %v", test.s, test.part, got, test.want)
		}
	}
}

func BenchmarkFold(b *testing.B) {
	for name, s := range map[string]string{"ascii": "ada.lovelace@example.org", "unicode": "Große Straße 12, İstanbul"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				text.Fold(s)
			}
		})
	}
}
