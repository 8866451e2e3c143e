package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// behind returns a function that returns the address of the client of a request with some lines of
// a header, which comes from 10.0.0.1. Proxies in 10.0.0.0/8 are trusted.
func behind(t testing.TB, header httpapi.ForwardedHeader) func(lines ...string) string {
	t.Helper()
	proxies := must[edge.Proxies](t)(edge.ParseProxies("10.0.0.0/8"))
	client := httpapi.ClientBehind(proxies, header)
	return func(lines ...string) string {
		return client(&http.Request{RemoteAddr: "10.0.0.1:4711", Header: http.Header{string(header): lines}})
	}
}

func TestXForwardedFor(t *testing.T) {
	client := behind(t, httpapi.XForwardedFor)
	for _, c := range []struct{ lines, want string }{
		{"", "10.0.0.1"},
		{"203.0.113.9", "203.0.113.9"},
		{"192.0.2.1, 203.0.113.9", "203.0.113.9"},
		{"192.0.2.1,203.0.113.9 ,\t10.0.0.2", "203.0.113.9"},
		{"192.0.2.1|203.0.113.9", "203.0.113.9"},
		{"203.0.113.9|10.0.0.2", "203.0.113.9"},
		{"203.0.113.9, ,|, |10.0.0.2,,", "203.0.113.9"},
		{"192.0.2.1, nonsense", "10.0.0.1"},
		{"\"192.0.2.1, 203.0.113.9", "203.0.113.9"},
		{"for=192.0.2.1", "10.0.0.1"},
		{"2001:db8::7", "2001:db8::7"},
	} {
		if got := client(strings.Split(c.lines, "|")...); got != c.want {
			t.Errorf("%q: got %s, want %s", c.lines, got, c.want)
		}
	}
}

func TestForwarded(t *testing.T) {
	client := behind(t, httpapi.Forwarded)
	for _, c := range []struct{ lines, want string }{
		{"", "10.0.0.1"},
		// The examples of RFC 7239.
		{`for="_gazonk"`, "10.0.0.1"},
		{`For="[2001:db8:cafe::17]:4711"`, "2001:db8:cafe::17"},
		{"for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"},
		{"for=192.0.2.43, for=198.51.100.17", "198.51.100.17"},
		{"for=_hidden, for=_SEVKISEK", "10.0.0.1"},
		{`for=192.0.2.43, for="[2001:db8:cafe::17]", for=unknown`, "10.0.0.1"},
		{`for="192.0.2.43:47011"`, "192.0.2.43"},
		{`for="192.0.2.43:_port"`, "192.0.2.43"},

		{"proto=https;for=203.0.113.9;", "203.0.113.9"},
		{` proto=https ; for=203.0.113.9`, "203.0.113.9"},
		{`;;proto=https;;for="203.0.113.9" ; by=_x;`, "203.0.113.9"},
		{"for=203.0.113.9, for=10.0.0.2|for=10.0.0.3", "203.0.113.9"},
		{"proto=https", "10.0.0.1"},
		{"203.0.113.9", "10.0.0.1"},
		{"for=203.0.113.9;for=192.0.2.1", "10.0.0.1"},
		{"for=203.0.113.9;", "203.0.113.9"},
		{"for=203.0.113.9;https", "10.0.0.1"},
		{"for = 203.0.113.9", "10.0.0.1"},
		{`for="203.0.113.9"x`, "10.0.0.1"},
		{`for=203"."0.113.9`, "10.0.0.1"},
		{`for="203.0.113.9`, "10.0.0.1"},
		{`for="\2\0\3.0.113.9"`, "203.0.113.9"},

		// A client tries to hide what the proxy appends.
		{`for="192.0.2.1, for=203.0.113.9`, "203.0.113.9"},
		{`for="192.0.2.1\, for="[2001:db8::7]:80"`, "2001:db8::7"},
		{`for=192.0.2.1;x=", for=203.0.113.9`, "203.0.113.9"},
		{`for=192.0.2.1;x="\|for=203.0.113.9`, "203.0.113.9"},
		{`for=203.0.113.9;host="a\", for=192.0.2.1;host=\"b"`, "203.0.113.9"},
		{`for=203.0.113.9;host="a\\", for=10.0.0.2`, "203.0.113.9"},
	} {
		if got := client(strings.Split(c.lines, "|")...); got != c.want {
			t.Errorf("%s: got %s, want %s", c.lines, got, c.want)
		}
	}
}

// TestOnlyOneHeaderIsRead checks that a client cannot choose its address in the header that its
// proxy does not know, and cannot choose one at all without a proxy.
func TestOnlyOneHeaderIsRead(t *testing.T) {
	proxies := must[edge.Proxies](t)(edge.ParseProxies("10.0.0.0/8"))
	for header, other := range map[httpapi.ForwardedHeader]string{httpapi.XForwardedFor: "Forwarded", httpapi.Forwarded: "X-Forwarded-For"} {
		r := &http.Request{RemoteAddr: "10.0.0.1:4711", Header: http.Header{
			string(header): {"for=203.0.113.9"}, other: {"for=192.0.2.1"}, "X-Real-Ip": {"192.0.2.2"},
		}}
		if header == httpapi.XForwardedFor {
			r.Header = http.Header{string(header): {"203.0.113.9"}, other: {"for=192.0.2.1"}, "X-Real-Ip": {"192.0.2.2"}}
		}
		client := httpapi.ClientBehind(proxies, header)
		if got := client(r); got != "203.0.113.9" {
			t.Errorf("%s: got %s", header, got)
		}
		r.Header.Del(string(header))
		if got := client(r); got != "10.0.0.1" {
			t.Errorf("without %s: got %s", header, got)
		}
		r.Header.Set(string(header), "for=192.0.2.1, 192.0.2.1")
		r.RemoteAddr = "203.0.113.7:80"
		if got := client(r); got != "203.0.113.7" {
			t.Errorf("%s from an address that is no proxy's: got %s", header, got)
		}
	}
}

// TestLimitsBehindProxies checks that the limit counts the client that a proxy names, an IPv6
// network as one, and that a session keeps the client's network.
func TestLimitsBehindProxies(t *testing.T) {
	proxies := must[edge.Proxies](t)(edge.ParseProxies("10.0.0.0/8"))
	w := newWorld(t, func(o *httpapi.Options) {
		o.Limits.Anonymous = slow(2)
		o.ClientAddress = httpapi.ClientBehind(proxies, httpapi.XForwardedFor)
	})
	from := func(peer, forwarded string) answer {
		r := requestOf(t, "GET", "/v1/interests", "")
		r.RemoteAddr = peer
		r.Header.Set("X-Forwarded-For", forwarded)
		return w.send(r)
	}
	for i, status := range []int{200, 200, 429} {
		made := strings.Repeat("192.0.2.1, ", i) // a client writes what it likes
		from("10.0.0.1:1", made+"203.0.113.9").want(t, status)
		from("10.0.0.2:1", made+"[2001:db8::"+string(rune('1'+i))+"]:80").want(t, status)
		from("203.0.113.8:1", made+"198.51.100."+string(rune('1'+i))).want(t, status)
	}
	from("10.0.0.1:1", "203.0.113.10").want(t, 200)
	from("10.0.0.1:1", "::ffff:203.0.113.9").want(t, 429)

	r := requestOf(t, "POST", "/v1/auth/signup", `{"name":"Ada","email":"ada@example.org","password":"correct horse"}`)
	r.RemoteAddr = "10.0.0.1:1"
	r.Header.Set("X-Forwarded-For", "198.51.100.7")
	token := w.send(r).want(t, 201).object(t)["access_token"].(string)
	sessions := w.ask("GET", "/v1/me/sessions", token, "").want(t, 200)
	if !strings.Contains(sessions.body, `"198.51.100.0/24"`) {
		t.Errorf("the session does not have the client's network: %s", sessions.body)
	}
}

// FuzzForwardedHeaders checks that what a client writes into a header cannot change the address that
// its proxy appends, in the same line or in a new one.
func FuzzForwardedHeaders(f *testing.F) {
	for _, made := range []string{"", "192.0.2.1", `for="192.0.2.1`, `for=192.0.2.1;host="a\`, `",for=10.0.0.2,"`, `\"\\"`, "10.0.0.2, for=[::1", ",,;="} {
		f.Add(made)
	}
	xForwardedFor, forwarded := behind(f, httpapi.XForwardedFor), behind(f, httpapi.Forwarded)
	f.Fuzz(func(t *testing.T, made string) {
		for _, got := range []string{
			xForwardedFor(made + ", 203.0.113.9"), xForwardedFor(made, "203.0.113.9"),
			forwarded(made + ", for=203.0.113.9"), forwarded(made, "for=203.0.113.9"), forwarded(made + `, for="203.0.113.9:80"; proto=http`),
		} {
			if got != "203.0.113.9" {
				t.Errorf("%q: got %q", made, got)
			}
		}
		xForwardedFor(made)
		forwarded(made)
	})
}
