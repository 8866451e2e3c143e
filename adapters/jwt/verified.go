package jwt

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
)

// verified remembers tokens that were valid, by their SHA-256, because most tokens are used many
// times. The claims of a token do not change, so only its expiry is checked again.
type verified struct {
	mu     sync.RWMutex
	tokens map[[sha256.Size]byte]holder
}

// holder is the user and the session that a valid token names.
type holder struct {
	user    id.User
	session id.Session
	until   time.Time // from which the token is not valid
}

// maxVerified bounds the tokens that are remembered. Beyond it, all are forgotten.
const maxVerified = 10_000

func (v *verified) find(token string, now time.Time) (h holder, found bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	h, found = v.tokens[sumOf(token)]
	return h, found && now.Before(h.until)
}

func (v *verified) add(token string, h holder) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.tokens == nil || len(v.tokens) >= maxVerified {
		v.tokens = map[[sha256.Size]byte]holder{}
	}
	v.tokens[sumOf(token)] = h
}

// sumOf returns the hash of a token. It copies those of the usual length to the stack.
func sumOf(token string) [sha256.Size]byte {
	var place [512]byte
	return sha256.Sum256(append(place[:0], token...))
}
