package moderation_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/core/moderation"
)

func TestDetails(t *testing.T) {
	for want, details := range map[string]moderation.Details{
		`{}`:                               {},
		`{"amount":"-5","type":"PENALTY"}`: {"type": "PENALTY", "amount": "-5"},
		`{"":"empty","\n":"a\tb \"c\" \\ <d> é😀"}`: {"\n": "a\tb \"c\" \\ <d> é😀", "": "empty"},
		// Sorted by UTF-16 code units: U+1F600 is a surrogate pair and comes before U+FB33.
		"{\"😀\":\"1\",\"\ufb33\":\"2\"}":                      {"\ufb33": "2", "😀": "1"},
		`{"admin_notes":"` + strings.Repeat("é", 5000) + `"}`: {"admin_notes": strings.Repeat("é", 5000)},
	} {
		if got := details.Canonical(); got != want {
			t.Errorf("%v became %s, want %s", details, got, want)
		}
		back, err := moderation.ParseDetails(want)
		if err != nil || back == nil || !maps.Equal(back, details) {
			t.Errorf("%s was parsed as %v with error %v, want %v", want, back, err, details)
		}
	}
	if got := moderation.Details(nil).Canonical(); got != "{}" {
		t.Errorf("no details became %s", got)
	}
	for _, bad := range []string{
		``, `null`, `[]`, `{"a":1}`, `{"a":null}`, `{ }`, `{"a":"b" }`, `{"b":"","a":""}`, `{"a":"","a":""}`, `{"a":"\u00e9"}`,
		`{"a":"\ud83d"}`, `{"a":"b"}{}`, "{\"a\":\"\xff\"}",
	} {
		if d, err := moderation.ParseDetails(bad); err == nil || d != nil {
			t.Errorf("%q was parsed as %v with error %v, want an error", bad, d, err)
		}
	}
}
