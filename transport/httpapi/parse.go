package httpapi

import (
	"bytes"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/cicerone-go/cicerone/core/id"
)

// The functions below read the bodies that are sent most: see kithttp.Parsed. Such a body has one
// field, which is a string. A test compares them with the JSON library.

// parseSend reads the body of a message without an image.
func parseSend(body []byte, r *sendRequest) bool {
	text, ok := onlyText(body, "content")
	if ok {
		content := string(text)
		r.Content = &content
	}
	return ok
}

func parseRead(body []byte, r *readRequest) bool { return parseID(body, "up_to", &r.UpTo) }

func parseOpenConversation(body []byte, r *openConversationRequest) bool {
	return parseID(body, "local_id", &r.LocalID)
}

// parseID reads a body whose only field is an identifier.
func parseID[E any](body []byte, name string, into *id.ID[E]) bool {
	text, ok := onlyText(body, name)
	return ok && into.UnmarshalText(text) == nil // which changes it only then
}

// onlyText returns the text of a JSON object whose only field has the name and is a string. The text
// may be a part of the body. It reports false if the body is another one, or no JSON.
func onlyText(body []byte, name string) (text []byte, ok bool) {
	rest, ok := cutToken(body, '{')
	key, rest, isString := cutString(rest)
	rest, isPair := cutToken(rest, ':')
	value, rest, isText := cutString(rest)
	rest, ends := cutToken(rest, '}')
	if !ok || !isString || !isPair || !isText || !ends || len(trimBlank(rest)) > 0 || string(key[1:len(key)-1]) != name {
		return nil, false
	}
	if bytes.IndexByte(value, '\\') >= 0 {
		text, err := jsontext.AppendUnquote(nil, value)
		return text, err == nil
	}
	text = value[1 : len(value)-1]
	isControl := func(c rune) bool { return c < ' ' }
	return text, utf8.Valid(text) && bytes.IndexFunc(text, isControl) < 0
}

// cutToken cuts a token of one byte off the begin of JSON, with the white space before it.
func cutToken(b []byte, token byte) (rest []byte, ok bool) {
	b = trimBlank(b)
	if len(b) == 0 || b[0] != token {
		return nil, false
	}
	return b[1:], true
}

// cutString cuts a string, with its quotes, off the begin of JSON, with the white space before it.
func cutString(b []byte) (quoted, rest []byte, ok bool) {
	b = trimBlank(b)
	if len(b) == 0 || b[0] != '"' {
		return nil, nil, false
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return b[:i+1], b[i+1:], true
		}
	}
	return nil, nil, false
}

// trimBlank removes what JSON takes for white space from the begin of b.
func trimBlank(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\n' || b[0] == '\r') {
		b = b[1:]
	}
	return b
}
