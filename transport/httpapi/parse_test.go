package httpapi

import (
	"context"
	"math/rand/v2"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// twoWays is a route whose bodies are read by a function, and the same route without it.
type twoWays struct {
	name  string
	parse func(body string) bool
	ask   [2]func(body string) (answer string, request any)
}

// read returns the two ways to read the bodies of a route.
func read[Req, Resp any](route kithttp.Route[Req, Resp], parse func([]byte, *Req) bool, opts ...kithttp.HandleOption) twoWays {
	w := twoWays{name: route.Name, parse: func(body string) bool { return parse([]byte(body), new(Req)) }}
	for i, more := range [][]kithttp.HandleOption{{kithttp.Parsed(parse)}, nil} {
		var got any
		s := kithttp.NewServer()
		kithttp.Handle(s, route, func(_ context.Context, r Req) (resp Resp, err error) {
			got = r
			return resp, nil
		}, append(more, opts...)...)
		path := strings.ReplaceAll(route.Path, "{id}", id.Conversation{1}.String())
		w.ask[i] = func(body string) (string, any) {
			got = nil
			r := httptest.NewRequest(route.Method, path, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			answer := httptest.NewRecorder()
			s.ServeHTTP(answer, r)
			return answer.Body.String(), got
		}
	}
	return w
}

// compare checks that both ways read a body alike, or refuse it with the same problem document.
func (w twoWays) compare(t *testing.T, body string) {
	t.Helper()
	got, request := w.ask[0](body)
	want, wantRequest := w.ask[1](body)
	if got != want || !reflect.DeepEqual(request, wantRequest) {
		t.Errorf("%s %q:\ngot  %s %+v\nwant %s %+v", w.name, body, got, request, want, wantRequest)
	}
	if w.parse(body) && wantRequest == nil && !strings.Contains(want, `"invalid_input"`) {
		t.Errorf("%s %q was parsed, although it is refused: %s", w.name, body, want)
	}
}

func parsedRoutes() []twoWays {
	return []twoWays{
		read(send, parseSend, kithttp.Checked(func(r sendRequest, f *fault.Fields) { r.check(f) })),
		read(markRead, parseRead),
		read(openConversation, parseOpenConversation),
	}
}

const someID = `"0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a"`

// bodies are bodies of all routes, most of which are refused.
func bodies() (all []string) {
	for _, text := range texts {
		quoted, _ := jsontext.AppendQuote(nil, text)
		all = append(all, `{"content":`+string(quoted)+`}`, `{"content":"`+text+`"}`)
	}
	for _, name := range []string{"content", "up_to", "local_id", "Content", "conten\\u0074", "", "attachment"} {
		for _, value := range []string{
			someID, strings.ToUpper(someID), `"0192f0c12b3c7d4e8f5a6b7c8d9e0f1a"`, `"{0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a}"`,
			`"\u0030192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a"`, `"a"`, `""`, `"\ud83c\udf0d"`, `"\ud83c"`, `"\udf0d\ud83c"`, `"\x"`, `"\u12"`, `"a`, `"\`, `"a\"`,
			`null`, `true`, `1`, `-0`, `1e400`, `[]`, `["a"]`, `{}`, `{"a":1,"a":2}`, strings.Repeat("[", 20_000), `"` + strings.Repeat("a", 5001) + `"`,
			`"` + strings.Repeat("é", 5000) + `"`,
		} {
			all = append(all, `{"`+name+`":`+value+`}`, `{"`+name+`":`+value+`,"content":"b"}`, `{"`+name+`":`+value+`,"`+name+`":`+value+`}`,
				`{"`+name+`":`+value+`}}`, `{"`+name+`":`+value+`} x`, `{"`+name+`":`+value, `{"`+name+`":`+value+`,}`, `[{"`+name+`":`+value+`}]`)
		}
	}
	return append(all, "", " ", "{}", "null", "{", `{"content"}`, `{"content":}`, `{"content" "a"}`, `{content:"a"}`, "\ufeff{\"content\":\"a\"}",
		" {\t\"content\"\r\n: \"a\" } \n", "\v{\"content\":\"a\"}", "{\"content\":\u00a0\"a\"}", "{\"content\":\"a\x00\"}", "{\"content\":\"a\"}\x00", "//\n{}")
}

// TestParsed compares the functions that read bodies with the JSON library: on bodies of all kinds, and
// on those with changes at random.
func TestParsed(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- the same in each run
	pieces := []string{"", " ", "\n", ",", ":", "{", "}", "[", `"`, `\`, `\"`, `\u0041`, "null", "0", "A", "é", "\xff", "\x00", "\x7f", `"a":1,`, `"content":"x",`}
	for _, w := range parsedRoutes() {
		parsed := 0
		check := func(body string) {
			if w.parse(body) {
				parsed++
			}
			w.compare(t, body)
		}
		for _, body := range bodies() {
			check(body)
			for range 5 {
				if len(body) > 200 {
					break
				}
				at := r.IntN(len(body) + 1)
				check(body[:at] + pieces[r.IntN(len(pieces))] + body[min(at+r.IntN(3), len(body)):])
			}
		}
		if parsed < 5 {
			t.Errorf("%s: only %d bodies were parsed", w.name, parsed)
		}
	}
}

func FuzzParsed(f *testing.F) {
	for i, body := range bodies() {
		if i%40 == 0 && len(body) < 200 { // some of them, because the fuzzer tries each before it makes others
			f.Add(body)
		}
	}
	ways := parsedRoutes()
	f.Fuzz(func(t *testing.T, body string) {
		for _, w := range ways {
			w.compare(t, body)
		}
	})
}
