package text

import "testing"

// TestPlain checks that the rules for all lines keep a plain line as it is, with all texts of up to
// four characters of a set.
func TestPlain(t *testing.T) {
	plain := 0
	var check func(s string)
	check = func(s string) {
		if isPlain(s) {
			plain++
			if line := oneLine(s); line != s || !Valid(s) || !Visible(s) {
				t.Errorf("%q is plain, but its line is %q", s, line)
			}
		}
		if len(s) < 4 {
			for _, c := range "\x00\t\n\x1f !a~\x7f\u0080é\u2800" {
				check(s + string(c))
			}
		}
	}
	check("")
	if plain == 0 {
		t.Error("nothing is plain")
	}
	if !isPlain("Shall we meet at the fountain at ten?") {
		t.Error("a usual text is not plain")
	}
}

func BenchmarkLine(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Line(nil, "reason", "message sent", Optional, 200)
	}
}
