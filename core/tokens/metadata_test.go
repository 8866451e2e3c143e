package tokens_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/tokens"
)

// canonical lists JSON objects with their canonical form. The first three are from RFC 8785.
var canonical = []struct{ in, want string }{
	{`{
	  "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
	  "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
	  "literals": [null, true, false]
	}`, `{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`},
	{`{
	  "\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One",
	  "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis"
	}`, `{"\r":"Carriage Return","1":"One","` + "\u0080" + `":"Control","ö":"Latin Small Letter O With Diaeresis",` +
		`"€":"Euro Sign","😀":"Emoji: Grinning Face","` + "\ufb33" + `":"Hebrew Letter Dalet With Dagesh"}`},
	{`{"1": {"f": {"f": "hi", "F": 5}, "\n": 56.0}, "10": {}, "": "empty", "a": {}, "111": [{"e": "yes", "E": "no"}], "A": {}}`,
		`{"":"empty","1":{"\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{"E":"no","e":"yes"}],"A":{},"a":{}}`},

	{`{}`, `{}`},
	{" \t\r\n{ } \n", `{}`},
	{`{"b":1,"a":[ ],"c":{ }}`, `{"a":[],"b":1,"c":{}}`},
	{`{"a":[1,2,3],"b":[[],[[]]]}`, `{"a":[1,2,3],"b":[[],[[]]]}`},
	{`{"a":null}`, `{"a":null}`},
	{`{"a":-0,"b":-0.0,"c":-0e7,"d":0}`, `{"a":0,"b":0,"c":0,"d":0}`},
	{`{"a":9007199254740991,"b":-9007199254740991}`, `{"a":9007199254740991,"b":-9007199254740991}`},
	{`{"a":1e2,"b":1.0,"c":1E-2}`, `{"a":100,"b":1,"c":0.01}`},
	{`{"a":1e20}`, `{"a":100000000000000000000}`},
	{`{"a":"\b\t\n\f\r\u0001\u001f\u007f"}`, `{"a":"\b\t\n\f\r\u0001\u001f` + "\u007f" + `"}`},
	{`{"a":"<b>&amp;\u2028\u2029"}`, `{"a":"<b>&amp;` + "\u2028\u2029" + `"}`},
	{`{"a":"\ud83d\ude00 \\ud83d"}`, `{"a":"😀 \\ud83d"}`},
	{`{"e\u0301":1,"\u00e9":2}`, `{"e` + "\u0301" + `":1,"é":2}`}, // nothing is normalised
	{"{\"a\":\"\ufffd\"}", "{\"a\":\"\ufffd\"}"},
}

func TestParseMetadata(t *testing.T) {
	for _, test := range canonical {
		m, err := tokens.ParseMetadata([]byte(test.in))
		if err != nil {
			t.Errorf("%s: %v", test.in, err)
		} else if m.String() != test.want {
			t.Errorf("%s became\n%s, want\n%s", test.in, m, test.want)
		}
	}
}

// The numbers are from RFC 8785, appendix B: the bits of a double and its text.
func TestMetadataNumbers(t *testing.T) {
	for bits, want := range map[uint64]string{
		0x0000000000000000: "0",
		0x8000000000000000: "0",
		0x0000000000000001: "5e-324",
		0x8000000000000001: "-5e-324",
		0x7fefffffffffffff: "1.7976931348623157e+308",
		0xffefffffffffffff: "-1.7976931348623157e+308",
		0x4340000000000000: "9007199254740992",
		0xc340000000000000: "-9007199254740992",
		0x4430000000000000: "295147905179352830000",
		0x44b52d02c7e14af5: "9.999999999999997e+22",
		0x44b52d02c7e14af6: "1e+23",
		0x44b52d02c7e14af7: "1.0000000000000001e+23",
		0x444b1ae4d6e2ef4e: "999999999999999700000",
		0x444b1ae4d6e2ef4f: "999999999999999900000",
		0x444b1ae4d6e2ef50: "1e+21",
		0x3eb0c6f7a0b5ed8c: "9.999999999999997e-7",
		0x3eb0c6f7a0b5ed8d: "0.000001",
		0x41b3de4355555553: "333333333.3333332",
		0x41b3de4355555554: "333333333.33333325",
		0x41b3de4355555555: "333333333.3333333",
		0x41b3de4355555556: "333333333.3333334",
		0x41b3de4355555557: "333333333.33333343",
		0xbecbf647612f3696: "-0.0000033333333333333333",
		0x43143ff3c1cb0959: "1424953923781206.2",
	} {
		number := strconv.FormatFloat(math.Float64frombits(bits), 'e', 16, 64)
		m, err := tokens.ParseMetadata(fmt.Appendf(nil, `{"n":%s}`, number))
		if err != nil {
			t.Errorf("%s: %v", number, err)
		} else if got := m.String(); got != `{"n":`+want+`}` {
			t.Errorf("%s became %s, want %s", number, got, want)
		}
	}
}

func TestParseMetadataErrors(t *testing.T) {
	const (
		object  = "must be a JSON object"
		text    = "must be valid UTF-8 without NUL"
		deeper  = "must not be nested deeper than 32"
		tooLong = "must be at most 4096 bytes in canonical form"
	)
	nested := func(before, inner, after string, n int) string {
		return strings.Repeat(before, n) + inner + strings.Repeat(after, n)
	}
	for name, test := range map[string]struct{ in, want string }{
		"empty input":                 {``, object},
		"an array":                    {`[]`, object},
		"a string":                    {`"a"`, object},
		"a number":                    {`7`, object},
		"null":                        {`null`, object},
		"an object without an end":    {`{"a":1`, object},
		"an array without an end":     {`{"a":[1`, object},
		"no value":                    {`{"a":}`, object},
		"no name":                     {`{1:2}`, object},
		"a trailing comma":            {`{"a":1,}`, object},
		"a trailing comma, in array":  {`{"a":[1,]}`, object},
		"no comma":                    {`{"a":1 "b":2}`, object},
		"the wrong bracket":           {`{"a":[1}`, object},
		"a leading zero":              {`{"a":01}`, object},
		"NaN":                         {`{"a":NaN}`, object},
		"a comment":                   {`{"a":1/**/}`, object},
		"a line break in a string":    {"{\"a\":\"\n\"}", object},
		"an unknown escape":           {`{"a":"\x41"}`, object},
		"an object after it":          {`{} {}`, "nothing after it"},
		"a bracket after it":          {`{}}`, "nothing after it"},
		"a repeated key":              {`{"a":1,"b":2,"a":3}`, `must not repeat the key "a"`},
		"a repeated key, escaped":     {`{"a":1,"\u0061":3}`, `must not repeat the key "a"`},
		"a repeated key, nested":      {`{"x":[{"a":1,"a":1}]}`, `must not repeat the key "a"`},
		"NUL":                         {`{"a":"\u0000"}`, text},
		"NUL in a key":                {`{"\u0000":1}`, text},
		"bytes that are not UTF-8":    {"{\"a\":\"\xff\"}", text},
		"a high surrogate alone":      {`{"a":"\ud83d"}`, text},
		"a low surrogate alone":       {`{"a":"\ude00"}`, text},
		"surrogates in wrong order":   {`{"a":"\ude00\ud83d"}`, text},
		"a letter in between":         {`{"a":"\ud83dx\ude00"}`, text},
		"a surrogate in a key":        {`{"\uD83D":1}`, text},
		"a surrogate, then no end":    {`{"a":"\ud83d`, object},
		"a number out of range":       {`{"a":1e400}`, "1e400, which is out of range"},
		"an integer out of range":     {`{"a":` + strings.Repeat("9", 400) + `}`, strings.Repeat("9", 30) + "…, which is out of range"},
		"2^53 + 1":                    {`{"a":9007199254740993}`, "the integer 9007199254740993, which a double cannot"},
		"-(2^53 + 1)":                 {`{"a":-9007199254740993}`, "the integer -9007199254740993, which a double cannot"},
		"2^63":                        {`{"a":9223372036854775808}`, "which a double cannot"},
		"objects nested too deep":     {nested(`{"a":`, `1`, `}`, 33), deeper},
		"arrays nested too deep":      {`{"a":` + nested(`[`, ``, `]`, 32) + `}`, deeper},
		"objects nested far too deep": {nested(`{"a":`, `1`, `}`, 5000), deeper},
		"too long":                    {`{"a":"` + strings.Repeat("a", 4089) + `"}`, tooLong + ", this has 4097"},
		"too long, escaped":           {`{"a":"` + strings.Repeat(`\u00e9`, 2045) + `"}`, tooLong + ", this has 4098"},
		"too long to be read":         {`{"a":"` + strings.Repeat(`a`, 1<<20) + `"}`, tooLong},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := tokens.ParseMetadata([]byte(test.in))
			coretest.Fields(t, err, "metadata")
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %q, want it to contain %q", err, test.want)
			}
			if m != (tokens.Metadata{}) {
				t.Errorf("got %s with the error, want the zero value", m)
			}
		})
	}
}

func TestMetadataBounds(t *testing.T) {
	for name, in := range map[string]string{
		"the maximum length": `{"a":"` + strings.Repeat("a", 4088) + `"}`,
		"longer, escaped":    `{"a":"` + strings.Repeat(`\u0061`, 4088) + `"}`,
		"longer, with space": `{"a":1` + strings.Repeat(" ", 10_000) + `}`,
		"the maximum depth":  strings.Repeat(`{"a":`, 32) + `1` + strings.Repeat(`}`, 32),
	} {
		if _, err := tokens.ParseMetadata([]byte(in)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCanonicalOfOneText compares objects with one text, for which there is a shorter way, with the
// same objects after a space, for which there is not.
func TestCanonicalOfOneText(t *testing.T) {
	inputs := []string{`{"":""}`, `{"a":"b":"c"}`, `{"a":"","b":""}`, `{"a":"":"b"}`, `{"a":"b"}"}`, `{"a":"b`, `{":"}`, `{"":"}`, `{"a":"é"}`}
	for c := range 256 {
		inputs = append(inputs, `{"a":"`+string([]byte{byte(c)})+`"}`, `{"`+string([]byte{byte(c)})+`":"a"}`, `{"a":"\`+string([]byte{byte(c)})+`"}`)
	}
	for _, in := range inputs {
		got, err := tokens.Canonical([]byte(in))
		want, refused := tokens.Canonical([]byte(" " + in))
		if got != want || fmt.Sprint(err) != fmt.Sprint(refused) {
			t.Errorf("%q became %s, %v; want %s, %v", in, got, err, want, refused)
		}
	}
}

func TestMetadataZero(t *testing.T) {
	var zero tokens.Metadata
	if zero.String() != "{}" {
		t.Errorf("the zero value is %s", zero)
	}
	if parsed, err := tokens.ParseMetadata([]byte(" { } ")); err != nil || parsed != zero {
		t.Errorf("an empty object is %#v with error %v, want the zero value", parsed, err)
	}
}

func TestReference(t *testing.T) {
	message := id.Message{15: 7}
	m := tokens.Reference(`message "id"`, message)
	parsed, err := tokens.ParseMetadata([]byte(m.String()))
	if err != nil || parsed != m {
		t.Errorf("%s was parsed as %s with error %v, want the same", m, parsed, err)
	}
	var got map[string]id.Message
	if err := json.Unmarshal([]byte(m.String()), &got); err != nil || got[`message "id"`] != message {
		t.Errorf("got %v and error %v, want %v", got, err, message)
	}
}

func TestMetadataJSON(t *testing.T) {
	type line struct {
		Metadata tokens.Metadata `json:"metadata"`
	}
	for in, want := range map[string]string{
		`{"metadata":{"b":1.0,"a":"<"}}`: `{"a":"<","b":1}`,
		`{"metadata":null}`:              `{}`,
		`{}`:                             `{}`,
	} {
		var l line
		if err := json.Unmarshal([]byte(in), &l); err != nil || l.Metadata.String() != want {
			t.Errorf("%s: got %s and error %v, want %s", in, l.Metadata, err, want)
		}
		// The round trip of a result that is stored under an idempotency key.
		b, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		var back line
		if err := json.Unmarshal(b, &back); err != nil || back != l {
			t.Errorf("%s came back as %s with error %v", l.Metadata, back.Metadata, err)
		}
	}
	l := line{tokens.Reference("a", id.User{})}
	before := l
	coretest.Fields(t, json.Unmarshal([]byte(`{"metadata":[]}`), &l), "metadata")
	if l != before {
		t.Errorf("input with an error changed the metadata to %s", l.Metadata)
	}
}

func FuzzMetadata(f *testing.F) {
	for _, test := range canonical {
		f.Add([]byte(test.in))
	}
	f.Add([]byte(`{"a":9007199254740993}`))
	f.Add([]byte(`{"a":295147905179352830000,"b":1e21,"c":-1e-7}`))
	f.Add([]byte(`{"a":"\ud83d"}`))
	f.Add([]byte(`{"a":1,"a":2}`))
	f.Add([]byte(`{"a":1,}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := tokens.ParseMetadata(in)
		if err != nil {
			return
		}
		if !json.Valid(in) {
			t.Fatalf("%q is not JSON, but was parsed as %s", in, m)
		}
		if len(m.String()) > tokens.MaxMetadataBytes {
			t.Errorf("%q became %d bytes", in, len(m.String()))
		}
		again, err := tokens.ParseMetadata([]byte(m.String()))
		if err != nil || again != m {
			t.Errorf("%q became %s, which was parsed as %s with error %v", in, m, again, err)
		}
		var before, after map[string]any
		if err := errors.Join(json.Unmarshal(in, &before), json.Unmarshal([]byte(m.String()), &after)); err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		if !reflect.DeepEqual(before, after) {
			t.Errorf("%q became %s: encoding/json reads %v before and %v after", in, m, before, after)
		}
	})
}

func BenchmarkParseMetadata(b *testing.B) {
	small := []byte(`{"reservation_id":"0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a"}`)
	large := []byte(`{"z":[` + strings.Repeat(`{"name":"é","n":-12.5e3,"a":null},`, 60) + `{}]}`)
	for name, in := range map[string][]byte{"small": small, "large": large} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := tokens.ParseMetadata(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
