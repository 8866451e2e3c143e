package text

import (
	"fmt"
	"strings"

	"github.com/cicerone-go/cicerone/core/fault"
)

// Check notes in f what is wrong with a text that must be valid and of minimum to maximum
// characters. It reports whether the text passed.
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

// CheckLine is Check for what stands on one line and is somebody's or something's name: a text
// of blanks alone, or with control characters, does not pass either.
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
