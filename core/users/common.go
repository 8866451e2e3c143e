package users

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/cicerone-go/cicerone/core/text"
)

// packedCommon is a list of common passwords in lower case, one a line, in the order of their
// bytes. It has those with MinPassword characters or more of the 20,000 most common passwords that
// Royce Williams counted (https://gist.github.com/roycewilliams/281ce539915a947a23db17137d91aeb7),
// which hold the 10,000 most common. The list is part of Django, whose licence is beside it, in
// common_passwords.LICENSE. It was made of the file in Debian's python3-django 3.2.25:
//
//	zcat django/contrib/auth/common-passwords.txt.gz | awk 'length($0) >= 8' | LC_ALL=C sort -u | gzip -9n
//
//go:embed common_passwords.txt.gz
var packedCommon []byte

// commonPasswords returns the sorted list. It is unpacked at the first use.
var commonPasswords = sync.OnceValue(func() []string {
	packed, err := gzip.NewReader(bytes.NewReader(packedCommon))
	if err != nil {
		panic(fmt.Errorf("users: open the list of common passwords: %w", err))
	}
	list, err := io.ReadAll(packed)
	if err != nil {
		panic(fmt.Errorf("users: read the list of common passwords: %w", err))
	}
	return strings.Split(string(list), "\n")[:bytes.Count(list, []byte("\n"))]
})

// isCommon reports whether a password is in the list, without regard to case.
func isCommon(password string) bool {
	_, found := slices.BinarySearch(commonPasswords(), text.Fold(password).String())
	return found
}

// isMadeOf reports whether a password has words of the given texts, and beside them no letters:
// like ada1815, ada.lovelace and lovelace! for ada@example.org or Ada Lovelace. Words of less than
// three characters do not count, nor do case and marks.
func isMadeOf(password string, texts []string) bool {
	var words []string
	for _, t := range texts {
		words = append(words, strings.FieldsFunc(text.SearchFold(t).String(), func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r)
		})...)
	}
	slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) }) // a word may be a part of a longer one
	folded := text.SearchFold(password).String()
	rest := folded
	for _, word := range words {
		if text.Length(word) >= 3 {
			rest = strings.ReplaceAll(rest, word, " ")
		}
	}
	return rest != folded && !strings.ContainsFunc(rest, unicode.IsLetter)
}
