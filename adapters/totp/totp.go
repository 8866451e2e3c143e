// Package totp makes the secrets of second factors and checks their codes: time-based one-time
// passwords (RFC 6238) of six digits for steps of 30 seconds, with HMAC-SHA-1. All authenticator apps
// support these parameters. Secrets are sealed for the store with AES-256-GCM.
package totp

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
)

// KeySize is the minimum size of a key in bytes.
const KeySize = 32

const (
	period     = 30 // seconds of a step
	secretSize = 20 // bytes, the size of HMAC-SHA-1 (RFC 4226 §4)
	version    = 1  // of the form of a sealed secret; its first byte
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
	seals  []cipher.AEAD // of the keys
}

// New returns Codes. It returns an error if there is no key, a key is too short or a duplicate, or
// the issuer is empty.
func New(c Config) (*Codes, error) {
	if c.Issuer == "" {
		return nil, errors.New("totp: the issuer must not be empty")
	}
	if len(c.Keys) == 0 {
		return nil, errors.New("totp: no key")
	}
	codes := &Codes{issuer: c.Issuer}
	for i, key := range c.Keys {
		if len(key) < KeySize {
			return nil, fmt.Errorf("totp: key %d has %d bytes: must have %d or more", i+1, len(key), KeySize)
		}
		if slices.ContainsFunc(c.Keys[:i], func(k []byte) bool { return slices.Equal(k, key) }) {
			return nil, fmt.Errorf("totp: key %d is given twice", i+1)
		}
		seal, err := newSeal(key)
		if err != nil {
			return nil, fmt.Errorf("totp: key %d: %w", i+1, err)
		}
		codes.seals = append(codes.seals, seal)
	}
	return codes, nil
}

// newSeal returns AES-256-GCM with a key that is derived from another one, and with random nonces.
func newSeal(key []byte) (cipher.AEAD, error) {
	derived, err := hkdf.Key(sha256.New, key, nil, "cicerone totp key", KeySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
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
	secret, err := encoding.DecodeString(key.Secret())
	if err != nil {
		return users.Enrolment{}, nil, errors.New("totp: the secret that was generated is not base32")
	}
	sealed := c.seals[0].Seal([]byte{version}, nil, secret, bound(user)) //nolint:gosec // the cipher makes the nonce
	return users.Enrolment{Secret: key.Secret(), URI: key.URL()}, sealed, nil
}

// Step implements users.TOTP.
func (c *Codes) Step(user id.User, sealed []byte, code string, at time.Time) (step int64, fits bool, err error) {
	secret, err := c.open(user, sealed)
	if err != nil {
		return 0, false, err
	}
	if len(code) != otp.DigitsSix.Length() {
		return 0, false, nil
	}
	now := at.Unix() / period
	for near := now - 1; near <= now+1; near++ {
		// #nosec G115 -- a time before 1970 has no code
		same, err := hotp.ValidateCustom(code, uint64(near), encoding.EncodeToString(secret), hotp.ValidateOpts{
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

// open returns a secret that New has sealed for the user.
func (c *Codes) open(user id.User, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != version {
		return nil, errors.New("totp: the sealed secret has an unknown form")
	}
	for _, seal := range c.seals {
		if secret, err := seal.Open(nil, nil, sealed[1:], bound(user)); err == nil {
			return secret, nil
		}
	}
	return nil, errors.New("totp: none of the keys opens the secret: it was sealed with another one, or for another user")
}

// bound returns the data to which the secret of a user is bound, so that it cannot be moved to the
// row of another.
func bound(user id.User) []byte { return append([]byte("cicerone second factor "), user[:]...) }
