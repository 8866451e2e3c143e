// Package bcrypt hashes passwords with bcrypt, for core/users.
//
// It closes two gaps of the algorithm. Bcrypt ignores all but the first 72 bytes of a password, and
// with a NUL a password matches repetitions of itself: "a" and "a\x00a" have the same hash. Hash
// rejects both kinds of password, and Verify reports that they do not match.
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

// DefaultCost is a cost with which a hash takes a few tenths of a second on current machines. An
// increase by one doubles the time.
const DefaultCost = 12

// MaxPasswordBytes is the number of bytes of a password that bcrypt uses.
const MaxPasswordBytes = 72

// ErrNotBcrypt is returned by Verify if the hash is not a bcrypt hash. Its text never contains the
// hash.
var ErrNotBcrypt = fault.New(fault.Internal, "not_bcrypt", "the stored password hash is not a bcrypt hash")

// Hasher hashes and verifies passwords. Each call occupies a core until it is done, so at most
// GOMAXPROCS calls run concurrently and the others wait. On Linux they run on threads of low
// priority. If a program limits them to n at once and raises GOMAXPROCS by n, they do not take cores
// from its other goroutines. It is safe for concurrent use.
type Hasher struct {
	cost  int
	slots chan struct{}
}

// New returns a Hasher. It returns an error if cost is not 4 to 31.
func New(cost int) (*Hasher, error) {
	if cost < bcrypt.MinCost || cost > bcrypt.MaxCost {
		return nil, fmt.Errorf("bcrypt: cost %d: must be %d to %d", cost, bcrypt.MinCost, bcrypt.MaxCost)
	}
	return &Hasher{cost: cost, slots: make(chan struct{}, runtime.GOMAXPROCS(0))}, nil
}

// Hash returns a hash of the password with a new random salt. It returns fault.Invalid for a
// password of more than MaxPasswordBytes bytes or with a NUL. Cancelling ctx ends the wait for a
// core, but not a hash that has begun.
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
	var hash []byte
	var err error
	aside(func() { hash, err = bcrypt.GenerateFromPassword([]byte(password), h.cost) })
	if err != nil {
		return "", fmt.Errorf("bcrypt: hash a password: %w", err)
	}
	return string(hash), nil
}

// Verify reports whether hash is a hash of the password. It takes the time of a hash of the
// Hasher's cost, also if hash has a lower cost; if hash has a higher cost, it takes longer. It
// returns ErrNotBcrypt if hash is not a bcrypt hash. Cancelling ctx ends the wait for a core, but
// not a comparison that has begun.
func (h *Hasher) Verify(ctx context.Context, hash, password string) (bool, error) {
	if err := h.acquire(ctx); err != nil {
		return false, err
	}
	defer h.release()
	var err error
	aside(func() {
		err = bcrypt.CompareHashAndPassword([]byte(hash), []byte(password))
		h.catchUp(hash, password)
	})
	switch {
	case err == nil:
		return len(password) <= MaxPasswordBytes && !hasNUL(password), nil
	case errors.Is(err, bcrypt.ErrMismatchedHashAndPassword):
		return false, nil
	default:
		return false, ErrNotBcrypt // without err, whose text may quote the hash
	}
}

// catchUp takes the time by which a comparison with hash is shorter than one with a hash of the
// Hasher's cost.
func (h *Hasher) catchUp(hash, password string) {
	for _, decoy := range h.decoys(hash) {
		_ = bcrypt.CompareHashAndPassword([]byte(decoy), []byte(password)) // only the time matters
	}
}

// decoys returns the hashes to compare after hash. Each cost takes twice the time of the one below:
// a comparison of cost c and further ones of the costs from c up to the Hasher's take as long as
// one of the Hasher's cost.
func (h *Hasher) decoys(hash string) (all []string) {
	cost, err := bcrypt.Cost([]byte(hash))
	for ; err == nil && cost < h.cost; cost++ {
		all = append(all, fmt.Sprintf("$2a$%02d$%s", cost, strings.Repeat(".", decoyLength)))
	}
	return all
}

// decoyLength is the length of the salt and the digest in a bcrypt hash.
const decoyLength = 22 + 31

// Outdated reports whether hash has another cost than the hashes that Hash returns, or is not a
// bcrypt hash.
func (h *Hasher) Outdated(hash string) bool {
	cost, err := bcrypt.Cost([]byte(hash))
	return err != nil || cost != h.cost
}

func (h *Hasher) acquire(ctx context.Context) error {
	err := ctx.Err() // select would choose at random if both channels are ready
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
