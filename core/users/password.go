package users

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"unique"

	"golang.org/x/text/secure/precis"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/text"
)

// The bounds of a password.
const (
	MinPassword      = 8  // characters
	MaxPasswordBytes = 72 // bcrypt ignores all bytes after these
)

// Hasher hashes passwords. Hash and Verify take about the same time for any input, and honour ctx.
type Hasher interface {
	// Hash returns a salted hash. It returns an error for a password longer than MaxPasswordBytes,
	// and never truncates it.
	Hash(ctx context.Context, password string) (string, error)
	// Verify reports whether the hash was made from the password. It returns an error if it could
	// not compare them.
	Verify(ctx context.Context, hash, password string) (bool, error)
	// Outdated reports whether a hash should be replaced by a new one of the same password, because
	// Hash would compute it in another way, for example with another cost.
	Outdated(hash string) bool
}

// PasswordHash is a password hash that is not shown by accident: printed, logged or marshalled it
// is "[redacted]". Only Reveal returns it. A PasswordHash is comparable. The zero value means that
// an account has no password.
type PasswordHash struct {
	// fmt cannot call methods on an unexported field of another struct. It then prints a handle as
	// an address.
	hash unique.Handle[string]
}

// NewPasswordHash wraps a hash that an adapter read; "" means no password.
func NewPasswordHash(hash string) PasswordHash {
	if hash == "" {
		return PasswordHash{}
	}
	return PasswordHash{unique.Make(hash)}
}

// Reveal returns the hash itself, for adapters that store it.
func (p PasswordHash) Reveal() string {
	if p.IsZero() {
		return ""
	}
	return p.hash.Value()
}

// IsZero reports whether there is no password.
func (p PasswordHash) IsZero() bool { return p == PasswordHash{} }

const redacted = "[redacted]"

// Format hides the hash, for every verb.
func (PasswordHash) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// String hides the hash.
func (PasswordHash) String() string { return redacted }

// LogValue hides the hash.
func (PasswordHash) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the hash.
func (PasswordHash) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// CheckPassword returns a new password as it is counted and hashed, which is the OpaqueString of RFC
// 8265. It adds an error to f, on the field password, if the password breaks a rule: if it is too
// short or too long, is a common password, or is made of the Words of the policy and of the texts in
// about, which are the name and the address of its account, as far as the caller knows them.
func (p Policy) CheckPassword(f *fault.Fields, password string, about ...string) string {
	prepared, err := precis.OpaqueString.String(password)
	switch {
	case !text.Valid(password):
		f.Add("password", "must be valid UTF-8 without NUL")
	case password != "" && err != nil:
		f.Add("password", "must not contain control characters, invisible characters or joined pictures")
	case text.Length(prepared) < MinPassword:
		f.Add("password", fmt.Sprintf("must have at least %d characters", MinPassword))
	case len(prepared) > MaxPasswordBytes:
		f.Add("password", fmt.Sprintf("must be at most %d bytes long", MaxPasswordBytes))
	case isCommon(prepared):
		f.Add("password", "must not be one of the most common passwords")
	case isMadeOf(prepared, append([]string{p.Words}, about...)):
		f.Add("password", "must not be made of your name, your e-mail address or words of this community")
	}
	return prepared
}

// forms returns the texts whose hash may be that of a password: the prepared password, and the
// password as typed, of which hashes from before or from elsewhere were made.
func forms(password string) []string {
	prepared, err := precis.OpaqueString.String(password)
	if err != nil || prepared == password {
		return []string{password}
	}
	return []string{prepared, password}
}

// Passwords compares passwords with hashes, in about the same time with and without a hash.
type Passwords struct {
	hasher Hasher
	decoy  func() (string, error)
}

// NewPasswords returns a Passwords, or nil if hasher is nil; NewService then reports the missing
// part.
func NewPasswords(hasher Hasher) *Passwords {
	if hasher == nil {
		return nil
	}
	return &Passwords{hasher: hasher, decoy: sync.OnceValues(func() (string, error) {
		return hasher.Hash(context.Background(), rand.Text())
	})}
}

// Hash returns the hash of a new password, which CheckPassword has returned.
func (p *Passwords) Hash(ctx context.Context, password string) (PasswordHash, error) {
	h, err := p.hasher.Hash(ctx, password)
	if err != nil {
		return PasswordHash{}, fmt.Errorf("hash a password: %w", err)
	}
	return NewPasswordHash(h), nil
}

// Check reports whether the password, prepared or as typed, matches the hash. Without a hash it returns false, after the
// same time.
func (p *Passwords) Check(ctx context.Context, hash PasswordHash, password string) (bool, error) {
	decoy, err := p.decoy() // made by the first call, with or without a hash, so that the time reveals nothing
	if err != nil {
		return false, fmt.Errorf("hash a password: %w", err)
	}
	against := hash.Reveal()
	if hash.IsZero() {
		against = decoy
	}
	for _, form := range forms(password) {
		ok, err := p.hasher.Verify(ctx, against, form)
		if err != nil {
			return false, fmt.Errorf("check a password: %w", err)
		}
		if ok {
			return !hash.IsZero(), nil
		}
	}
	return false, nil
}

// Renew returns a new hash of a password that matches hash if hash is outdated, and otherwise hash.
func (p *Passwords) Renew(ctx context.Context, hash PasswordHash, password string) (PasswordHash, error) {
	if !p.hasher.Outdated(hash.Reveal()) {
		return hash, nil
	}
	return p.Hash(ctx, password)
}

func wrongPassword(field string) error { return fault.InvalidField(field, "is not your password") }
