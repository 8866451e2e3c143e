package users

import (
	"strings"

	"golang.org/x/text/language"

	"github.com/cicerone-go/cicerone/core/fault"
)

// MaxLocale is the maximum length of a locale in characters.
const MaxLocale = 35

// maxLanguages is the length, in bytes, beyond which the languages of a sign-up are not read.
const maxLanguages = 1000

// locale returns the canonical BCP 47 tag of a language, or "" for "". It adds an error to f if the
// value is no such tag.
func locale(f *fault.Fields, field, value string) string {
	if value == "" {
		return ""
	}
	var tag language.Tag
	var err error
	if len(value) <= MaxLocale {
		tag, err = language.Parse(value)
	}
	canonical := tag.String()
	f.Check(err == nil && !tag.IsRoot() && len(canonical) <= MaxLocale, field, "must be the BCP 47 tag of a language, like fr or pt-BR")
	return canonical
}

// CheckLocales adds an error to f if Locales has something else than tags of languages.
func (p Policy) CheckLocales(f *fault.Fields) {
	for one := range strings.FieldsSeq(p.Locales) {
		locale(f, "Locales", one)
	}
}

// preferred returns the one of Locales that matches these languages best, or "" if no locale matches.
func (p Policy) preferred(languages string) string {
	if languages == "" || len(languages) > maxLanguages {
		return ""
	}
	wanted, _, err := language.ParseAcceptLanguage(languages)
	if err != nil || len(wanted) == 0 {
		return "" // a sign-up does not fail for it
	}
	var offered []language.Tag
	for one := range strings.FieldsSeq(p.Locales) {
		if tag, err := language.Parse(one); err == nil {
			offered = append(offered, tag)
		}
	}
	if len(offered) == 0 {
		return ""
	}
	_, i, confidence := language.NewMatcher(offered).Match(wanted...)
	if confidence == language.No {
		return ""
	}
	return offered[i].String()
}
