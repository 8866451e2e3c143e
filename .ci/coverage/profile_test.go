package main

import (
	"strings"
	"testing"
)

func TestProfile(t *testing.T) {
	const profile = `m/core/internal/x/x.go:1.1,2.2 9 0
mode: atomic
m/core/a/a.go:1.1,2.2 3 0
m/core/a/a.go:3.1,4.2 1 7
m/core/b/b.go:1.1,2.2 4 1
m/core/internal/x/x.go:1.1,2.2 9 0
mode: atomic
m/core/a/a.go:1.1,2.2 3 0
m/core/a/a.go:3.1,4.2 1 0
m/core/b/b.go:1.1,2.2 4 0
`
	packages, err := read(strings.NewReader(profile))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	total := write(&out, packages)
	const want = `  25.0 %  m/core/a
 100.0 %  m/core/b
  62.5 %  of 8 statements in total
`
	if out.String() != want || total != 62.5 {
		t.Errorf("got %.1f:\n%s\nwant 62.5:\n%s", total, out.String(), want)
	}
}

func TestInvalidProfiles(t *testing.T) {
	for name, profile := range map[string]string{
		"empty profile":  "mode: atomic\n",
		"only test code": "mode: atomic\nm/core/internal/x/x.go:1.1,2.2 9 1\n",
		"not a profile":  "hello\n",
		"not a number":   "m/a.go:1.1,2.2 x 1\n",
	} {
		if _, err := read(strings.NewReader(profile)); err == nil {
			t.Errorf("%s: read returned no error", name)
		}
	}
}
