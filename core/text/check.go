package text

import (
	"fmt"
	"strings"

	"github.com/cicerone-go/cicerone/core/fault"
)

// Check reports whether s is Valid and has minimum to maximum characters. If not, it adds the field
// to f.
func Check(f *fault.Fields, field, s string, minimum, maximum int) bool {
	n := Length(s)
	switch {
	case !Valid(s):
		f.Add(field, "must be valid UTF-8 without NUL")
	case n < minimum && minimum == 1:
		f.Add(field, "must not be empty")
	case n < minimum:
		f.Add(field, fmt.Sprintf("must have at least %d characters", minimum))
	case n > maximum:
		f.Add(field, fmt.Sprintf("must have at most %d characters, this has %d", maximum, n))
	default:
		return true
	}
	return false
}

// CheckLine is Check for one line of text, such as a name. It also rejects control characters, and,
// if minimum is greater than 0, text that is only white space.
func CheckLine(f *fault.Fields, field, s string, minimum, maximum int) bool {
	if !Check(f, field, s, minimum, maximum) {
		return false
	}
	switch {
	case minimum > 0 && strings.TrimSpace(s) == "":
		f.Add(field, "must not be blank")
	case strings.ContainsFunc(s, isControl):
		f.Add(field, "must not contain control characters or line breaks")
	default:
		return true
	}
	return false
}

func isControl(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 }
