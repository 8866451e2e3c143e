package postgres

import (
	"bytes"
	"slices"
)

// mostMembers bounds the members of an object that flat takes. usualObject is a size in bytes that
// most objects do not exceed.
const (
	mostMembers = 16
	usualObject = 512
)

// flat returns an object in canonical form (RFC 8785), given as PostgreSQL writes jsonb: with a
// blank after each colon and comma, and keys in an order of its own. ok is false unless all keys
// are of printable ASCII without escapes, and all values are such texts, or integers of up to 15
// digits. So is the data of nearly all events; the general way takes many times as long.
func flat(object []byte) (canonical string, ok bool) {
	rest, found := bytes.CutPrefix(object, []byte("{"))
	if !found {
		return "", false
	}
	var all [mostMembers]struct{ key, value []byte }
	n := 0
	for ; n < mostMembers; n++ {
		m := &all[n]
		if m.key, rest, ok = flatText(rest); !ok {
			return "", false
		}
		if rest, found = bytes.CutPrefix(rest, []byte(": ")); !found {
			return "", false
		}
		if m.value, rest, ok = flatText(rest); !ok {
			if m.value, rest, ok = flatInteger(rest); !ok {
				return "", false
			}
		}
		if rest, found = bytes.CutPrefix(rest, []byte(", ")); !found {
			break
		}
	}
	if string(rest) != "}" {
		return "", false
	}
	members := all[:n+1]
	slices.SortFunc(members, func(a, b struct{ key, value []byte }) int { return bytes.Compare(unquoted(a.key), unquoted(b.key)) })
	b := append(make([]byte, 0, usualObject), '{')
	for i, m := range members {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, m.key...), ':'), m.value...)
	}
	return string(append(b, '}')), true
}

func unquoted(text []byte) []byte { return text[1 : len(text)-1] }

// flatText cuts a text, with its quotes, off the begin of b.
func flatText(b []byte) (text, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, b, false
	}
	for i, c := range b[1:] {
		switch {
		case c == '"':
			return b[:i+2], b[i+2:], true
		case c < ' ' || c > '~' || c == '\\':
			return nil, b, false
		}
	}
	return nil, b, false
}

// flatInteger cuts an integer off the begin of b.
func flatInteger(b []byte) (integer, rest []byte, ok bool) {
	const mostDigits = 15 // a double has them all
	digits, _ := bytes.CutPrefix(b, []byte("-"))
	n := 0
	for n < len(digits) && digits[n] >= '0' && digits[n] <= '9' {
		n++
	}
	if n == 0 || n > mostDigits || digits[0] == '0' && (n > 1 || b[0] == '-') {
		return nil, b, false
	}
	n += len(b) - len(digits)
	return b[:n], b[n:], n == len(b) || b[n] == ',' || b[n] == '}' // neither a fraction nor an exponent
}
