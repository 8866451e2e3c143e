// Package totp makes the secrets of second factors and checks their codes: time-based one-time
// passwords (RFC 6238) of six digits for steps of 30 seconds, with HMAC-SHA-1. All authenticator apps
// support these parameters. Secrets are sealed for the store with AES-256-GCM.
package totp

import (
	"encoding/base32"
	"errors"
	"fmt"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/secret"
	"github.com/cicerone-go/cicerone/core/users"
)

// KeySize is the minimum size of a key in bytes.
const KeySize = secret.KeySize

const (
	period     = 30 // seconds of a step
	secretSize = 20 // bytes, the size of HMAC-SHA-1 (RFC 4226 §4)
)

var encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// Config is the configuration of Codes.
type Config struct {
	// Keys are secrets of KeySize bytes or more, from which the keys that seal are derived, so that
	// they may be those of access tokens, too. The first key seals, and all of them open. The secrets
	// that a removed key has sealed cannot be opened any more.
	Keys [][]byte

	Issuer string // the name of the service that an authenticator app displays; must not be empty
}

// Codes implements users.TOTP. It is safe for concurrent use.
type Codes struct {
	issuer string
	box    *secret.Box
}

// New returns Codes. It returns an error if there is no key, a key is too short or a duplicate, or
// the issuer is empty.
func New(c Config) (*Codes, error) {
	if c.Issuer == "" {
		return nil, errors.New("totp: the issuer must not be empty")
	}
	box, err := secret.NewBox("totp", c.Keys...)
	if err != nil {
		return nil, fmt.Errorf("totp: %w", err)
	}
	return &Codes{issuer: c.Issuer, box: box}, nil
}

// New implements users.TOTP.
func (c *Codes) New(user id.User, email string) (users.Enrolment, []byte, error) {
	key, err := totp.Generate(totp.GenerateOpts{
		Issuer: c.issuer, AccountName: email, Period: period, SecretSize: secretSize,
		Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1,
	})
	if err != nil {
		return users.Enrolment{}, nil, fmt.Errorf("totp: generate a secret: %w", err)
	}
	raw, err := encoding.DecodeString(key.Secret())
	if err != nil {
		return users.Enrolment{}, nil, errors.New("totp: the secret that was generated is not base32")
	}
	sealed := c.box.Seal(raw, bound(user))
	return users.Enrolment{Secret: key.Secret(), URI: key.URL()}, sealed, nil
}

// Step implements users.TOTP.
func (c *Codes) Step(user id.User, sealed []byte, code string, at time.Time) (step int64, fits bool, err error) {
	raw, err := c.box.Open(sealed, bound(user))
	if err != nil {
		return 0, false, fmt.Errorf("totp: %w", err)
	}
	if len(code) != otp.DigitsSix.Length() {
		return 0, false, nil
	}
	now := at.Unix() / period
	for near := now - 1; near <= now+1; near++ {
		// #nosec G115 -- a time before 1970 has no code
		same, err := hotp.ValidateCustom(code, uint64(near), encoding.EncodeToString(raw), hotp.ValidateOpts{
			Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1,
		})
		if err != nil {
			return 0, false, fmt.Errorf("totp: check a code: %w", err)
		}
		if same {
			step, fits = near, true
		}
	}
	return step, fits, nil
}

// bound returns the text to which the secret of a user is bound, so that it cannot be moved to the
// row of another.
func bound(user id.User) string { return "cicerone second factor " + string(user[:]) }
