package reservations_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"testing"

	"github.com/cicerone-go/cicerone/core/fault"
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
	for _, in := range []string{"", "-1", "+1", ".5", "1.", "1e2", "1000.1", "1001", "0.0000001", "one", "1.0000000000000000000001"} {
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

// FuzzParsePrice checks that a price is exactly the number of its text, and that all other texts
// are refused.
func FuzzParsePrice(f *testing.F) {
	for _, seed := range []string{"12.50", "0", "99999999.99", "-1", "1e9", "1.", "००", "1_0", "0x1", "1/2", "00000012.3"} {
		f.Add(seed)
	}
	form := regexp.MustCompile(`^[0-9]{1,8}(\.[0-9]{1,2})?$`)
	f.Fuzz(func(t *testing.T, s string) {
		p, err := reservations.ParsePrice(s)
		if !form.MatchString(s) {
			if !errors.Is(err, fault.Invalid) {
				t.Errorf("%q was parsed as %s, %v", s, p, err)
			}
			return
		}
		if err != nil || rational(t, p.String()).Cmp(rational(t, s)) != 0 || !regexp.MustCompile(`\.\d\d$`).MatchString(p.String()) {
			t.Errorf("%q was parsed as %s, %v", s, p, err)
		}
		if again, err := reservations.ParsePrice(p.String()); err != nil || again.String() != p.String() {
			t.Errorf("%q was parsed as %s, and that as %v, %v", s, p, again, err)
		}
	})
}

// FuzzTokens compares the product of a price and a rate, rounded up, with that of math/big.
func FuzzTokens(f *testing.F) {
	for _, seed := range []struct {
		cents uint32
		rate  string
	}{
		{1250, "1"}, {0, "1000"}, {math.MaxUint32, "999.999999"}, {1, "0.000001"}, {29, "100"}, {10, "0.1"}, {1, "1000.000001"},
		{1, "1.0000000000000000000001"}, {1, "0.00000000000000000000000001"}, {1, "1e3"}, {1, "+1"}, {1, ".5"}, {1, "5."}, {1, "-0"},
	} {
		f.Add(seed.cents, seed.rate)
	}
	form := regexp.MustCompile(`^[0-9]{1,4}(\.[0-9]{1,6})?$`)
	f.Fuzz(func(t *testing.T, cents uint32, rate string) {
		r, err := reservations.ParseRate(rate)
		if allowed := form.MatchString(rate) && rational(t, rate).Cmp(big.NewRat(1000, 1)) <= 0; !allowed || err != nil {
			if allowed || err == nil {
				t.Errorf("the rate %q is %s, %v", rate, r, err)
			}
			return
		}
		if again, err := reservations.ParseRate(r.String()); err != nil || again != r || rational(t, r.String()).Cmp(rational(t, rate)) != 0 {
			t.Errorf("the rate %q is %s, and that %v, %v", rate, r, again, err)
		}
		price := fmt.Sprintf("%d.%02d", cents/100, cents%100)
		p, err := reservations.ParsePrice(price)
		if err != nil {
			t.Fatal(err)
		}
		exact := new(big.Rat).Mul(rational(t, price), rational(t, rate))
		up := new(big.Int).Add(exact.Num(), new(big.Int).Sub(exact.Denom(), big.NewInt(1)))
		want := up.Div(up, exact.Denom()).Int64()
		if got, err := p.Tokens(r); err != nil || got != want {
			t.Errorf("%s at %s is %d, %v; want %d", price, rate, got, err, want)
		}
	})
}

func rational(t *testing.T, s string) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		t.Fatalf("%q is not a number", s)
	}
	return r
}
