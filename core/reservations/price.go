package reservations

import (
	"fmt"
	"strings"

	"github.com/govalues/decimal"

	"github.com/cicerone-go/cicerone/core/fault"
)

// Price is an exact amount of money with two decimals, 0.00 to 99,999,999.99. The zero value is
// 0.00.
type Price struct{ amount decimal.Decimal }

var errPrice error = fault.New(fault.Invalid, fault.CodeInvalid,
	"must be a price like 12.50: one to eight digits, and at most two decimals")

// ParsePrice parses one to eight digits and at most two decimals, without a sign. It returns
// fault.Invalid for all other texts.
func ParsePrice(s string) (Price, error) {
	whole, cents, hasPoint := strings.Cut(s, ".")
	if !digits(whole, 1, 8) || hasPoint && !digits(cents, 1, 2) {
		return Price{}, errPrice
	}
	d, err := decimal.ParseExact(s, 2)
	if err != nil {
		return Price{}, errPrice
	}
	return Price{d}, nil
}

func digits(s string, least, most int) bool {
	return len(s) >= least && len(s) <= most && strings.Trim(s, "0123456789") == ""
}

// String returns the price with two decimals.
func (p Price) String() string { return p.amount.Pad(2).String() }

// MarshalText implements encoding.TextMarshaler with String.
func (p Price) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler with ParsePrice.
func (p *Price) UnmarshalText(text []byte) error {
	parsed, err := ParsePrice(string(text))
	if err != nil {
		return err
	}
	*p = parsed
	return nil
}

// Rate is the number of tokens for one unit of price: 0 to 1,000, with at most six decimals, so
// that the product of any price and any rate is exact.
type Rate struct{ factor decimal.Decimal }

// ParseRate parses a rate like 1 or 0.25: one to four digits and at most six decimals, without a
// sign.
func ParseRate(s string) (Rate, error) {
	whole, decimals, hasPoint := strings.Cut(s, ".")
	d, err := decimal.Parse(s)
	if err != nil || !digits(whole, 1, 4) || hasPoint && !digits(decimals, 1, 6) || d.Cmp(decimal.Thousand) > 0 {
		return Rate{}, fmt.Errorf("rate %q: must be 0 to 1000 with at most six decimals", s)
	}
	return Rate{d.Trim(0)}, nil
}

// String returns the rate without trailing zeros.
func (r Rate) String() string { return r.factor.String() }

// MarshalText implements encoding.TextMarshaler with String.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler with ParseRate, so that a rate can be a flag.
func (r *Rate) UnmarshalText(text []byte) error {
	parsed, err := ParseRate(string(text))
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}

// OneToOne returns the default rate: one token for one unit of price.
func OneToOne() Rate { return Rate{decimal.One} }

// Tokens returns the price in tokens: the exact product of price and rate, rounded up to a whole
// token.
func (p Price) Tokens(r Rate) (int64, error) {
	exact, err := p.amount.MulExact(r.factor, p.amount.Scale()+r.factor.Scale())
	if err != nil {
		return 0, fmt.Errorf("%s times %s tokens: %w", p, r, err)
	}
	whole, _, ok := exact.Ceil(0).Int64(0)
	if !ok {
		return 0, fmt.Errorf("%s times %s tokens is out of range", p, r)
	}
	return whole, nil
}
