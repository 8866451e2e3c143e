package reservations_test

import (
	"encoding/json"
	"testing"

	"github.com/cicerone-go/cicerone/core/reservations"
)

func TestParsePrice(t *testing.T) {
	for in, want := range map[string]string{
		"0": "0.00", "0.0": "0.00", "12": "12.00", "12.5": "12.50", "12.50": "12.50", "0.01": "0.01",
		"99999999.99": "99999999.99", "00000012.30": "12.30",
	} {
		p, err := reservations.ParsePrice(in)
		if err != nil || p.String() != want {
			t.Errorf("ParsePrice(%q) = %v, %v; want %s", in, p, err, want)
		}
	}
	for _, in := range []string{
		"", " 1", "1 ", "-1", "+1", "1.", ".5", "1.234", "123456789", "1e3", "1,50", "0x1", "NaN", "١", "1.5.0", "1.-5",
	} {
		if p, err := reservations.ParsePrice(in); err == nil {
			t.Errorf("ParsePrice(%q) = %v, want an error", in, p)
		}
	}
}

func TestPriceJSON(t *testing.T) {
	var p reservations.Price
	if err := json.Unmarshal([]byte(`"7.5"`), &p); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(p)
	if err != nil || string(b) != `"7.50"` {
		t.Errorf("got %s, %v; want \"7.50\"", b, err)
	}
	if err := json.Unmarshal([]byte(`"free"`), &p); err == nil {
		t.Error("a word was parsed as a price")
	}
}

func TestParseRate(t *testing.T) {
	for _, in := range []string{"0", "1", "0.25", "1000", "1000.000", "0.000001", "999.999999"} {
		if _, err := reservations.ParseRate(in); err != nil {
			t.Errorf("ParseRate(%q): %v", in, err)
		}
	}
	for _, in := range []string{"", "-1", "1000.1", "1001", "0.0000001", "one"} {
		if r, err := reservations.ParseRate(in); err == nil {
			t.Errorf("ParseRate(%q) = %v, want an error", in, r)
		}
	}
	var r reservations.Rate
	if err := r.UnmarshalText([]byte("2.50")); err != nil {
		t.Fatal(err)
	}
	if b, err := r.MarshalText(); err != nil || string(b) != "2.5" {
		t.Errorf("got %s, %v; want 2.5", b, err)
	}
	if err := r.UnmarshalText([]byte("high")); err == nil {
		t.Error("a word was parsed as a rate")
	}
}

func TestTokens(t *testing.T) {
	for _, c := range []struct {
		price, rate string
		want        int64
	}{
		{"0.00", "1", 0},
		{"12.50", "0", 0},
		{"12.00", "1", 12},
		{"12.01", "1", 13},
		{"12.50", "1", 13},
		{"0.01", "1", 1},
		{"0.01", "0.000001", 1},
		{"10.00", "0.1", 1}, // exactly 1, not rounded
		{"0.10", "10", 1},   // 0.10 is not exact as a float
		{"0.29", "100", 29},
		{"99999999.99", "1", 100_000_000},
		{"99999999.99", "1000", 99_999_999_990},
		{"99999999.99", "999.999999", 99_999_999_891}, // 99,999,999,890.00000001
	} {
		p, err := reservations.ParsePrice(c.price)
		if err != nil {
			t.Fatal(err)
		}
		r, err := reservations.ParseRate(c.rate)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := p.Tokens(r); err != nil || got != c.want {
			t.Errorf("%s at %s is %d, %v; want %d", c.price, c.rate, got, err, c.want)
		}
	}
}

func FuzzParsePrice(f *testing.F) {
	for _, seed := range []string{"12.50", "0", "99999999.99", "-1", "1e9", "1.", "००"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := reservations.ParsePrice(s)
		if err != nil {
			return
		}
		again, err := reservations.ParsePrice(p.String())
		if err != nil || again != p {
			t.Errorf("%q was parsed as %s, and that as %v, %v", s, p, again, err)
		}
		if n, err := p.Tokens(reservations.OneToOne()); err != nil || n < 0 || n > 100_000_000 {
			t.Errorf("%s is %d tokens, %v", p, n, err)
		}
	})
}
