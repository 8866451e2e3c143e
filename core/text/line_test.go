package text_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/text"
)

func TestLine(t *testing.T) {
	const (
		control   = "must not contain control characters"
		direction = "must not contain characters that change the direction of text"
		blank     = "must not be blank"
	)
	for name, test := range map[string]struct {
		s       string
		need    text.Need
		want    string
		message string
	}{
		"a name":                        {"Ada Lovelace", text.Required, "Ada Lovelace", ""},
		"blanks at the ends":            {" \u00a0Ada\u3000\t", text.Required, "Ada", ""},
		"what is invisible at the ends": {"\u200b\ufeffAda\u00ad\u2060", text.Required, "Ada", ""},
		"runs of white space":           {"Ada\u2003 \nKing\r\nLovelace", text.Required, "Ada King Lovelace", ""},
		"a joiner within":               {"\u0646\u0645\u06cc\u200c\u062e", text.Required, "\u0646\u0645\u06cc\u200c\u062e", ""},
		"not in NFC":                    {"Jose\u0301", text.Required, "José", ""},
		"first after the controls":      {"\u00a1Hola!", text.Required, "\u00a1Hola!", ""},
		"optional and empty":            {"", text.Optional, "", ""},
		"optional and blank":            {"  ", text.Optional, "", ""},
		"optional and invisible":        {"\u2800\u3164", text.Optional, "", ""},
		"empty":                         {"", text.Required, "", "must not be empty"},
		"blank":                         {" \u00a0\u3000", text.Required, "", blank},
		"fillers of Hangul":             {"\u115f\u1160\u3164\uffa0", text.Required, "", blank},
		"a zero-width space":            {"\u200b", text.Required, "", blank},
		"blank Braille":                 {"\u2800 \u2800", text.Required, "", blank},
		"an override":                   {"Ada\u202eecalevoL", text.Required, "", direction},
		"an isolate at the end":         {"Ada\u2069", text.Required, "", direction},
		"an escape":                     {"Ada\x1b[1m", text.Required, "", control},
		"delete":                        {"Ada\x7f", text.Required, "", control},
		"too long":                      {strings.Repeat("a", 31), text.Required, "", "must have at most 30 characters, this has 31"},
		"long before it is prepared":    {strings.Repeat("e\u0301", 30) + "  ", text.Required, strings.Repeat("é", 30), ""},
		"with NUL":                      {"a\x00b", text.Required, "", "must be valid UTF-8 without NUL"},
		"not UTF-8":                     {"\xff", text.Optional, "", "must be valid UTF-8 without NUL"},
	} {
		t.Run(name, func(t *testing.T) {
			var f fault.Fields
			got := text.Line(&f, "name", test.s, test.need, 30)
			if message := messageOf(f); message != test.message || message == "" && got != test.want {
				t.Errorf("got %+q with %q, want %+q with %q", got, message, test.want, test.message)
			}
		})
	}
}

func TestLong(t *testing.T) {
	for name, test := range map[string]struct {
		s       string
		need    text.Need
		want    string
		message string
	}{
		"as typed":             {" a\n\tb", text.Required, " a\n\tb", ""},
		"not in NFC":           {"e\u0301\n", text.Required, "é\n", ""},
		"optional and blank":   {" \n", text.Optional, " \n", ""},
		"the maximum length":   {"日本語日本", text.Required, "日本語日本", ""},
		"empty":                {"", text.Required, "", "must not be empty"},
		"blank":                {" \n\u200b", text.Required, "", "must not be blank"},
		"only a control":       {"\x07", text.Required, "", "must not be blank"},
		"too long":             {"日本語日本語", text.Required, "", "must have at most 5 characters, this has 6"},
		"too long and invalid": {"\xff\xff\xff\xff\xff\xff", text.Required, "", "must be valid UTF-8 without NUL"},
	} {
		t.Run(name, func(t *testing.T) {
			var f fault.Fields
			got := text.Long(&f, "bio", test.s, test.need, 5)
			if message := messageOf(f); message != test.message || message == "" && got != test.want {
				t.Errorf("got %+q with %q, want %+q with %q", got, message, test.want, test.message)
			}
		})
	}
}

func messageOf(f fault.Fields) string {
	if e, ok := errors.AsType[*fault.Error](f.Err()); ok {
		return e.Fields[0].Message
	}
	return ""
}

// ignorable is Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties.txt.
var ignorable = [][2]rune{
	{0xad, 0xad}, {0x34f, 0x34f}, {0x61c, 0x61c}, {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f},
	{0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x206f}, {0x3164, 0x3164}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff},
	{0xffa0, 0xffa0}, {0xfff0, 0xfff8}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
}

func TestVisible(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		want := !unicode.IsSpace(r) && !unicode.IsControl(r) && r != 0x2800
		for _, hidden := range ignorable {
			want = want && (r < hidden[0] || r > hidden[1])
		}
		if got := text.Visible(string(r)); got != want {
			t.Errorf("%U: got %v, want %v", r, got, want)
		}
	}
	if text.Visible("") || !text.Visible(" x ") {
		t.Error("the empty text is visible, or one with a letter is not")
	}
}
