package httpapi

import (
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/cicerone-go/cicerone/transport/edge"
)

// ForwardedHeader is the name of a header in which proxies name the client of a request.
type ForwardedHeader string

// Each proxy appends the address of its own client to one of these headers.
const (
	XForwardedFor ForwardedHeader = "X-Forwarded-For"
	Forwarded     ForwardedHeader = "Forwarded" // RFC 7239
)

// ClientBehind returns a function for Options.ClientAddress. It returns the address of the client
// behind trusted proxies, which the header names; see [edge.Proxies.Client]. The proxies must append
// to that header, or replace it. The other header is never read: a proxy that does not know it
// passes on what the client has written there.
func ClientBehind(proxies edge.Proxies, header ForwardedHeader) func(*http.Request) string {
	nodes := forwardedFor
	if header == Forwarded {
		nodes = forwarded
	}
	return func(r *http.Request) string {
		return proxies.Client(peerAddress(r), nodes(r.Header.Values(string(header))))
	}
}

// forwardedFor returns the nodes of the header X-Forwarded-For, the last one first.
func forwardedFor(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for element := range fromRight(lines, func(list string) int { return strings.LastIndexByte(list, ',') }) {
			if !yield(element) {
				return
			}
		}
	}
}

// forwarded returns the nodes of the header Forwarded, the last one first. A node is "" if its
// element is not well-formed or names none.
func forwarded(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for element := range fromRight(lines, lastUnquotedComma) {
			if !yield(nodeOf(element)) {
				return
			}
		}
	}
}

// fromRight returns the elements of a header with a list, the last one first. It reads from the
// right, so that nothing that a client has written can change how the elements are read that
// proxies have appended. Empty elements are left out (RFC 9110, 5.6.1).
func fromRight(lines []string, lastComma func(list string) int) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, list := range slices.Backward(lines) {
			for comma := len(list); comma >= 0; {
				list = list[:comma]
				comma = lastComma(list)
				if element := strings.Trim(list[comma+1:], " \t"); element != "" && !yield(element) {
					return
				}
			}
		}
	}
}

// lastUnquotedComma returns the index of the last comma that is outside of quoted strings, or -1.
func lastUnquotedComma(list string) int {
	quoted := false
	for i := len(list) - 1; i >= 0; i-- {
		switch {
		case list[i] == '"' && !isEscaped(list[:i]):
			quoted = !quoted
		case list[i] == ',' && !quoted:
			return i
		}
	}
	return -1
}

// isEscaped reports whether a character is escaped, by the text before it.
func isEscaped(before string) bool {
	return (len(before)-len(strings.TrimRight(before, `\`)))%2 == 1
}

// nodeOf returns the value of the parameter "for" of an element of the header Forwarded. It returns
// "" if the element does not have exactly one, or is not well-formed.
func nodeOf(element string) (node string) {
	for element = strings.TrimLeft(element, "; \t"); element != ""; element = strings.TrimLeft(element, "; \t") {
		name, rest, ok := strings.Cut(element, "=")
		if !ok {
			return ""
		}
		var value string
		if value, element, ok = cutValue(rest); !ok {
			return ""
		}
		if strings.EqualFold(name, "for") {
			if node != "" {
				return ""
			}
			node = value
		}
	}
	return node
}

// cutValue cuts the value at the beginning of a text from the semicolon after it. The value may be
// a quoted string. ok is false if the text does not begin with a value.
func cutValue(text string) (value, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		value, rest, _ = strings.Cut(text, ";")
		value = strings.TrimRight(value, " \t")
		return value, rest, !strings.ContainsAny(value, "\"\\ \t")
	}
	var unquoted strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '"':
			rest = strings.TrimLeft(text[i+1:], " \t")
			return unquoted.String(), rest, rest == "" || rest[0] == ';'
		case text[i] == '\\' && i+1 < len(text):
			i++
		}
		unquoted.WriteByte(text[i])
	}
	return "", "", false
}
