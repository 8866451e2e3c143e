package text_test

import (
	"errors"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/text"
)

// FuzzLine checks that an accepted line is in its stored form, and that both kinds of text are
// refused with errors of their field.
func FuzzLine(f *testing.F) {
	for _, s := range []string{"", " Ada\t Lovelace\n", "Jose\u0301", "\u200b", "\u115f", "Ada\u202e", "Ada\x1b[1m", "a\x00b", "\xff", "\u0344x", "\ufb1d"} {
		f.Add(s, uint8(30), true)
		f.Add(s, uint8(1), false)
	}
	f.Fuzz(func(t *testing.T, s string, maximum uint8, required bool) {
		var f fault.Fields
		line := text.Line(&f, "name", s, text.Need(required), int(maximum))
		if err := f.Err(); err != nil {
			wantField(t, err, "name")
		} else {
			if required && !text.Visible(line) || text.Length(line) > int(maximum) || !text.Valid(line) || !norm.NFC.IsNormalString(line) {
				t.Errorf("%+q became %+q", s, line)
			}
			if strings.ContainsFunc(line, func(r rune) bool {
				return unicode.IsControl(r) || unicode.IsSpace(r) && r != ' ' || unicode.Is(unicode.Bidi_Control, r) && r != '\u200e' && r != '\u200f' && r != '\u061c'
			}) || strings.Contains(line, "  ") || strings.TrimSpace(line) != line {
				t.Errorf("%+q became %+q", s, line)
			}
			if again := text.Line(&f, "name", line, text.Need(required), int(maximum)); again != line || f.Err() != nil {
				t.Errorf("%+q became %+q, and that %+q, %v", s, line, again, f.Err())
			}
		}

		var g fault.Fields
		long := text.Long(&g, "bio", s, text.Need(required), int(maximum))
		if err := g.Err(); err != nil {
			wantField(t, err, "bio")
		} else if long != norm.NFC.String(s) || !text.Valid(long) || text.Length(long) > int(maximum) || required && !text.Visible(long) {
			t.Errorf("%+q became %+q", s, long)
		}
	})
}

// FuzzAddress checks that an accepted address is one mailbox that package net/mail reads back, with
// nothing that could begin another header, and that its canonical form is an address in ASCII after
// the @, and the form of itself.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{
		"ada@example.org", " Ada@Example.ORG\u200b", "zoe@Bücher.example", "ada@faß.example", "ada@xn--bcher-kva.example", "ada@a\u3002b",
		`"a b"@example.org`, `"a@b"@example.org`, "Ada <ada@example.org>", "ada@[127.0.0.1]", "a(x)@b", "ada@example.org\r\nBcc: b@c", "ß@ß", "@",
		"a@" + strings.Repeat("ü", 300), "ǰ@x", "ada@ex_ample.org", "a@\u00adb", "ada@example.org,bob@example.org",
	} {
		f.Add(s)
	}
	const maximum = 254
	f.Fuzz(func(t *testing.T, s string) {
		folded := text.FoldAddress(s)
		if again := text.FoldAddress(folded.String()); again != folded {
			t.Errorf("%+q folds to %+q, and that to %+q", s, folded.String(), again.String())
		}
		var f fault.Fields
		address := text.Address(&f, "email", s, maximum)
		if err := f.Err(); err != nil {
			wantField(t, err, "email")
			return
		}
		a, err := mail.ParseAddress(address)
		if err != nil || *a != (mail.Address{Address: address}) || strings.ContainsFunc(address, unicode.IsControl) || text.Length(address) > maximum {
			t.Errorf("%+q became %+q, which is %v, %v", s, address, a, err)
		}
		if text.FoldAddress(address) != folded {
			t.Errorf("%+q folds to %+q, and %+q to %+q", s, folded.String(), address, text.FoldAddress(address).String())
		}
		domain := folded.String()[strings.LastIndexByte(folded.String(), '@')+1:]
		if domain == "" || len(domain) > 253 || strings.Trim(domain, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
			t.Errorf("%+q folds to %+q, which has another domain than of the DNS", s, folded.String())
		}
		if text.Address(&f, "email", folded.String(), 10*maximum); f.Err() != nil {
			t.Errorf("%+q folds to %+q, which is no address: %v", s, folded.String(), f.Err())
		}
	})
}

// wantField fails the test unless err is of kind fault.Invalid, with errors of the field alone.
func wantField(t *testing.T, err error, field string) {
	t.Helper()
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || !errors.Is(err, fault.Invalid) || len(e.Fields) == 0 ||
		slices.ContainsFunc(e.Fields, func(of fault.Field) bool { return of.Name != field }) {
		t.Errorf("got %v, want fault.Invalid with errors of the field %s", err, field)
	}
}
