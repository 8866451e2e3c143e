package users

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"unique"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/text"
)

// The bounds of a password.
const (
	MinPassword      = 8  // characters
	MaxPasswordBytes = 72 // what bcrypt looks at
)

// Hasher turns passwords into hashes. Both take about as long for any input, and honour ctx.
type Hasher interface {
	// Hash makes a salted hash. A password over MaxPasswordBytes is an error, never cut.
	Hash(ctx context.Context, password string) (string, error)
	// Verify reports whether the hash was made from the password. An error means that it could
	// not be told.
	Verify(ctx context.Context, hash, password string) (bool, error)
}

// PasswordHash is a hash that shows itself to nobody who does not ask by name: printed, logged or
// marshalled it reads "[redacted]". It is comparable. The zero value is an account without a password.
type PasswordHash struct {
	// A handle, which fmt shows as an address even where it may not call methods: in an unexported field.
	hash unique.Handle[string]
}

// NewPasswordHash wraps a hash, for adapters that read one; "" is no password.
func NewPasswordHash(hash string) PasswordHash {
	if hash == "" {
		return PasswordHash{}
	}
	return PasswordHash{unique.Make(hash)}
}

// Reveal is the hash itself, for adapters that store it.
func (p PasswordHash) Reveal() string {
	if p.IsZero() {
		return ""
	}
	return p.hash.Value()
}

// IsZero reports whether there is no password.
func (p PasswordHash) IsZero() bool { return p == PasswordHash{} }

const redacted = "[redacted]"

// Format hides the hash, whatever the verb.
func (PasswordHash) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// String hides the hash.
func (PasswordHash) String() string { return redacted }

// LogValue hides the hash.
func (PasswordHash) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the hash.
func (PasswordHash) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// checkPassword notes in f what is wrong with a new password.
func checkPassword(f *fault.Fields, password string) {
	switch {
	case !text.Valid(password):
		f.Add("password", "must be valid UTF-8 without NUL")
	case text.Length(password) < MinPassword:
		f.Add("password", fmt.Sprintf("must have at least %d characters", MinPassword))
	case len(password) > MaxPasswordBytes:
		f.Add("password", fmt.Sprintf("must be at most %d bytes long", MaxPasswordBytes))
	}
}

// Passwords compares passwords with hashes, in about the same time whether or not there is a hash.
type Passwords struct {
	hasher Hasher
	decoy  func() (string, error)
}

// NewPasswords returns a Passwords; without a hasher it returns nil, which NewService reports.
func NewPasswords(hasher Hasher) *Passwords {
	if hasher == nil {
		return nil
	}
	return &Passwords{hasher: hasher, decoy: sync.OnceValues(func() (string, error) {
		return hasher.Hash(context.Background(), rand.Text())
	})}
}

// Hash makes the hash of a new password.
func (p *Passwords) Hash(ctx context.Context, password string) (PasswordHash, error) {
	h, err := p.hasher.Hash(ctx, password)
	if err != nil {
		return PasswordHash{}, fmt.Errorf("hash a password: %w", err)
	}
	return NewPasswordHash(h), nil
}

// Check reports whether the password fits the hash. Without a hash it never does, after as long.
func (p *Passwords) Check(ctx context.Context, hash PasswordHash, password string) (bool, error) {
	decoy, err := p.decoy() // made for whoever comes first, so that having no hash does not show
	if err != nil {
		return false, fmt.Errorf("hash a password: %w", err)
	}
	against := hash.Reveal()
	if hash.IsZero() {
		against = decoy
	}
	ok, err := p.hasher.Verify(ctx, against, password)
	if err != nil {
		return false, fmt.Errorf("check a password: %w", err)
	}
	return ok && !hash.IsZero(), nil
}

// Confirm returns fault.Invalid on a field where the password does not fit the hash.
func (p *Passwords) Confirm(ctx context.Context, hash PasswordHash, field, password string) error {
	ok, err := p.Check(ctx, hash, password)
	if err != nil {
		return err
	}
	if !ok {
		return wrongPassword(field)
	}
	return nil
}

func wrongPassword(field string) error { return fault.InvalidField(field, "is not your password") }
