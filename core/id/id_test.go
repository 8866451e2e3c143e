package id_test

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
)

const example = "0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a"

func TestParse(t *testing.T) {
	for _, s := range []string{
		example,
		strings.ToUpper(example),
		"00000000-0000-0000-0000-000000000000",
		"f47ac10b-58cc-4372-a567-0e02b2c3d479", // version 4
	} {
		got, err := id.Parse[id.User](s)
		if err != nil {
			t.Errorf("%q: %v", s, err)
		} else if got.String() != strings.ToLower(s) {
			t.Errorf("Parse(%q) = %q", s, got)
		}
	}
	for _, s := range []string{
		"", "x", example[:35], example + "0", " " + example[1:], example[:35] + "g",
		"urn:uuid:" + example, "{" + example + "}", strings.ReplaceAll(example, "-", ""), strings.ReplaceAll(example, "-", "_"),
		"0192f0c12-b3c-7d4e-8f5a-6b7c8d9e0f1a", // a hyphen out of place
		"0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f\u00e9",
	} {
		if got, err := id.Parse[id.User](s); !errors.Is(err, id.ErrMalformed) || !got.IsZero() {
			t.Errorf("%q: got %v and error %v, want %v", s, got, err, id.ErrMalformed)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(example)
	f.Add("urn:uuid:" + example)
	f.Add("{" + example[1:35] + "}")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		parsed, err := id.Parse[id.User](s)
		if err != nil {
			if !parsed.IsZero() {
				t.Errorf("Parse(%q) returned an error and %v", s, parsed)
			}
			return
		}
		if parsed.String() != strings.ToLower(s) {
			t.Errorf("Parse(%q) = %q", s, parsed)
		}
	})
}

func TestJSON(t *testing.T) {
	type thing struct {
		ID   id.Message         `json:"id"`
		Seen map[id.User]string `json:"seen"`
	}
	const text = `{"id":"` + example + `","seen":{"` + example + `":"yes"}}`
	var got thing
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if back, err := json.Marshal(got); err != nil || string(back) != text {
		t.Errorf("got %s and error %v, want %s", back, err, text)
	}

	before := got.ID
	for _, bad := range []string{`{"id":"nonsense"}`, `{"id":""}`} {
		if err := json.Unmarshal([]byte(bad), &got); !errors.Is(err, id.ErrMalformed) {
			t.Errorf("%s: got error %v, want %v", bad, err, id.ErrMalformed)
		}
	}
	if err := json.Unmarshal([]byte(`{"id":7}`), &got); err == nil {
		t.Error("a number was accepted as an identifier")
	}
	if got.ID != before {
		t.Errorf("invalid text changed the identifier to %v", got.ID)
	}
}

func TestZero(t *testing.T) {
	var zero id.User
	if !zero.IsZero() {
		t.Error("IsZero is false for the zero value")
	}
	if id.User(id.NewGenerator(nil).Next()).IsZero() {
		t.Error("IsZero is true for a generated identifier")
	}
}

// stopped is a clock that stands still at the time it was last set to.
type stopped struct{ at time.Time }

func (s *stopped) now() time.Time { return s.at }

func TestLayout(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 123_000_000, time.UTC)
	source := id.NewGenerator((&stopped{at}).now)
	for range 100 {
		next := id.User(source.Next())
		if version := next[6] >> 4; version != 7 {
			t.Fatalf("%v has version %d", next, version)
		}
		if variant := next[8] >> 6; variant != 0b10 {
			t.Fatalf("%v has variant %b", next, variant)
		}
		if !next.Time().Equal(at) {
			t.Fatalf("%v has time %v, want %v", next, next.Time(), at)
		}
	}
}

func TestDefaultClock(t *testing.T) {
	before := time.Now().Truncate(time.Millisecond)
	got := id.User(id.NewGenerator(nil).Next()).Time()
	if got.Before(before) || got.After(time.Now()) {
		t.Errorf("got time %v, want now", got)
	}
}

func TestIdentifiersIncrease(t *testing.T) {
	begin := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for name, move := range map[string]func(c *stopped, i int){
		"more than 4096 in one millisecond": func(*stopped, int) {},
		"clock advances":                    func(c *stopped, _ int) { c.at = c.at.Add(300 * time.Microsecond) },
		"clock set back": func(c *stopped, i int) {
			if i == 5000 {
				c.at = c.at.Add(-time.Hour)
			}
		},
		"before 1970": func(c *stopped, i int) { c.at = time.UnixMilli(-int64(i)) },
	} {
		t.Run(name, func(t *testing.T) {
			c := &stopped{begin}
			source := id.NewGenerator(c.now)
			last := id.User(source.Next())
			for i := range 10_000 {
				move(c, i)
				next := id.User(source.Next())
				if last.Compare(next) >= 0 {
					t.Fatalf("number %d, %v, does not come after %v", i, next, last)
				}
				last = next
			}
		})
	}
}

func TestCompare(t *testing.T) {
	a, b := id.User{15: 1}, id.User{0: 1}
	if a.Compare(b) != -1 || b.Compare(a) != 1 || a.Compare(a) != 0 {
		t.Error("identifiers are not ordered by their bytes")
	}
}

func TestConcurrentUse(t *testing.T) {
	const goroutines, each = 8, 2000
	source := id.NewGenerator(nil)
	generated := make([][][16]byte, goroutines)
	var group sync.WaitGroup
	for i := range goroutines {
		group.Go(func() {
			for range each {
				generated[i] = append(generated[i], source.Next())
			}
		})
	}
	group.Wait()
	seen := map[[16]byte]bool{}
	for _, list := range generated {
		for _, one := range list {
			seen[one] = true
		}
	}
	if len(seen) != goroutines*each {
		t.Errorf("%d different identifiers, want %d", len(seen), goroutines*each)
	}
}

func BenchmarkGenerator(b *testing.B) {
	source := id.NewGenerator(nil)
	b.ReportAllocs()
	for b.Loop() {
		source.Next()
	}
}
