// Package bcrypt hashes passwords with bcrypt, for core/users.
//
// It closes two holes of the algorithm: only the first 72 bytes of a password count, and a NUL lets a
// password match repetitions of itself ("a" and "a\x00a" have one hash). Here both are refused when a
// password is hashed, and match nothing when one is verified.
package bcrypt

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"github.com/cicerone-go/cicerone/core/fault"
)

// DefaultCost takes a few tenths of a second on the machines of today. One more doubles it.
const DefaultCost = 12

// MaxPasswordBytes is as much of a password as bcrypt looks at.
const MaxPasswordBytes = 72

// ErrNotBcrypt is returned by Verify for a hash that bcrypt did not make. It never repeats the hash.
var ErrNotBcrypt = fault.New(fault.Internal, "not_bcrypt", "the stored password hash is not a bcrypt hash")

// Hasher hashes and verifies passwords. As each takes a core for its whole time, at most GOMAXPROCS
// run at once and the others wait. It is safe for concurrent use.
type Hasher struct {
	cost  int
	slots chan struct{}
}

// New makes a Hasher. A cost outside 4 to 31 is an error.
func New(cost int) (*Hasher, error) {
	if cost < bcrypt.MinCost || cost > bcrypt.MaxCost {
		return nil, fmt.Errorf("bcrypt: cost %d: must be %d to %d", cost, bcrypt.MinCost, bcrypt.MaxCost)
	}
	return &Hasher{cost: cost, slots: make(chan struct{}, runtime.GOMAXPROCS(0))}, nil
}

// Hash makes a hash of the password with a salt of its own. A password over 72 bytes, or with a NUL,
// is fault.Invalid. ctx is honoured while waiting; a hash once begun is finished.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if len(password) > MaxPasswordBytes {
		return "", fault.InvalidField("password", fmt.Sprintf("must be at most %d bytes long", MaxPasswordBytes))
	}
	if hasNUL(password) {
		return "", fault.InvalidField("password", "must not contain NUL")
	}
	if err := h.acquire(ctx); err != nil {
		return "", err
	}
	defer h.release()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), h.cost)
	if err != nil {
		return "", fmt.Errorf("bcrypt: hash a password: %w", err)
	}
	return string(hash), nil
}

// Verify reports whether the hash was made from the password. It takes the time that the hash's own
// cost asks for, whatever the password. A hash that is none is ErrNotBcrypt. ctx is honoured while
// waiting; a comparison once begun is finished.
func (h *Hasher) Verify(ctx context.Context, hash, password string) (bool, error) {
	if err := h.acquire(ctx); err != nil {
		return false, err
	}
	defer h.release()
	switch err := bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)); {
	case err == nil:
		return len(password) <= MaxPasswordBytes && !hasNUL(password), nil
	case errors.Is(err, bcrypt.ErrMismatchedHashAndPassword):
		return false, nil
	default:
		return false, ErrNotBcrypt // without err, whose text may quote the hash
	}
}

func (h *Hasher) acquire(ctx context.Context) error {
	err := ctx.Err() // select picks at random where both are ready
	if err == nil {
		select {
		case h.slots <- struct{}{}:
			return nil
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	return fmt.Errorf("bcrypt: wait for a free core: %w", err)
}

func (h *Hasher) release() { <-h.slots }

func hasNUL(password string) bool { return strings.IndexByte(password, 0) >= 0 }
