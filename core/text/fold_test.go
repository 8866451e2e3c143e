package text_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/text"
)

func TestSearchFold(t *testing.T) {
	for _, group := range [][]string{
		{"São Paulo", "Sao Paulo", "SAO PAULO", "Sa\u0303o  Paulo "},
		{"İstanbul", "Istanbul", "istanbul", "ıstanbul", "I\u0307stanbul", "ISTANBUL"},
		{"Iğdır", "Igdir", "IĞDIR"},
		{"Gießen", "GIESSEN"},
		{"Berlin", "Berlin ", "\u200bBerlin"},
		{"Αθήνα", "ΑΘΗΝΑ", "αθηνα"},
		{"서울", "\u1109\u1165\u110b\u116e\u11af"}, // Hangul stays whole
	} {
		for _, s := range group[1:] {
			if got, want := text.SearchFold(s), text.SearchFold(group[0]); got != want {
				t.Errorf("%+q folds to %+q, and %+q to %+q; want the same form", s, got.String(), group[0], want.String())
			}
		}
	}
	for _, pair := range [][2]string{{"Bergen", "Berge"}, {"Halle", "Hälfte"}, {"Rom", "R om"}} {
		if text.SearchFold(pair[0]) == text.SearchFold(pair[1]) {
			t.Errorf("%+q and %+q fold to the same form", pair[0], pair[1])
		}
	}
}

func TestFoldAddress(t *testing.T) {
	for _, test := range []struct{ s, want string }{
		{"Ada@Example.ORG", "ada@example.org"},
		{" ada@example.org\u200b", "ada@example.org"},
		{"ada@bücher.example", "ada@xn--bcher-kva.example"},
		{"ADA@XN--BCHER-KVA.EXAMPLE", "ada@xn--bcher-kva.example"},
		{"ada@bu\u0308cher\u3002example", "ada@xn--bcher-kva.example"},
		{"ada@faß.example", "ada@xn--fa-hia.example"}, // not that of fass.example, which is another domain
		{"STRASSE@example.org", "strasse@example.org"},
		{"straße@example.org", "strasse@example.org"},
		{"ada@ex_ample.org", "ada@ex_ample.org"}, // refused by IDNA: folded whole
		{"Ada@[127.0.0.1]", "ada@[127.0.0.1]"},
		{"a@b@Example.org", "a@b@example.org"},
		{"Ada", "ada"},
		{"", ""},
	} {
		if got := text.FoldAddress(test.s).String(); got != test.want {
			t.Errorf("FoldAddress(%+q) = %+q, want %+q", test.s, got, test.want)
		}
	}
}

func TestAddress(t *testing.T) {
	const wrong = "must be an e-mail address like ada@example.org"
	for _, test := range []struct{ s, want, message string }{
		{"ada@example.org", "ada@example.org", ""},
		{" Ada@Example.org\t", "Ada@Example.org", ""},
		{"zoe@bücher.example", "zoe@bücher.example", ""},
		{"ada@localhost", "ada@localhost", ""},
		{"Ada <ada@example.org>", "", wrong},
		{"ada", "", wrong},
		{"ada@", "", wrong},
		{"ada@ex_ample.org", "", wrong},
		{"ada@[127.0.0.1]", "", wrong},
		{"ada@xn--a.example", "", wrong},
		{"ada@a\u3002\u3002b", "", wrong},
		{"ada@example.org\u3002", "", wrong},
		{"ada lovelace@example.org", "", wrong},
		{"", "", "must not be empty"},
		{strings.Repeat("a", 60) + "@example.org", "", "must have at most 50 characters, this has 72"},
	} {
		var f fault.Fields
		got := text.Address(&f, "email", test.s, 50)
		message := ""
		if e, ok := errors.AsType[*fault.Error](f.Err()); ok {
			message = e.Fields[0].Message
		}
		if message != test.message || message == "" && got != test.want {
			t.Errorf("%+q: got %+q with %q, want %+q with %q", test.s, got, message, test.want, test.message)
		}
	}
}

// TestLongAddresses checks that the time of a long address grows with its length alone. That of
// encoding its domain would grow with the square, and take seconds.
func TestLongAddresses(t *testing.T) {
	var domain strings.Builder
	for r := range rune(20_000) {
		domain.WriteRune('一' + r)
	}
	s := "Ada@" + domain.String()
	begun := time.Now()
	if got := text.FoldAddress(s); got != text.Fold(s) {
		t.Errorf("got %d bytes, want the text folded as a whole", len(got.String()))
	}
	var f fault.Fields
	text.Address(&f, "email", s, 254)
	if got := messageOf(f); got != "must have at most 254 characters, this has 20004" {
		t.Errorf("got %q", got)
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestFoldedTextIsFolded(t *testing.T) {
	var got text.Folded
	if err := json.Unmarshal([]byte(`"Große Straße "`), &got); err != nil || got != text.Fold("GROSSE STRASSE") {
		t.Errorf("got %+q, %v", got.String(), err)
	}
	if b, err := json.Marshal(got); err != nil || string(b) != `"grosse strasse"` {
		t.Errorf("got %s, %v", b, err)
	}
}

func TestSearchedTextIsFolded(t *testing.T) {
	var got text.Searched
	if err := json.Unmarshal([]byte(`"Große Straße é "`), &got); err != nil || got != text.SearchFold("GROSSE STRASSE E") {
		t.Errorf("got %+q, %v", got.String(), err)
	}
	if b, err := json.Marshal(got); err != nil || string(b) != `"grosse strasse e"` {
		t.Errorf("got %s, %v", b, err)
	}
}
