package edge

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/notifications"
)

// A token that switches off mail is a version, a nonce, and the user and the kind, sealed with the
// nonce. It is encoded as base64 that is safe in a URL. The nonce is an HMAC of both, so that a token stays the same
// while its key does.
const (
	unsubscribeVersion = 1
	nonceSize          = 12
)

// Unsubscribe returns a token that switches off mail of a kind for a user. It does not expire while
// its key is one of the keys, because a mail may be read late. It reveals neither the user nor
// anything else.
func (l *Links) Unsubscribe(user id.User, kind notifications.Kind) string {
	content := slices.Concat(user[:], []byte(kind))
	key := unsubscribeKey(l.keys[0].secret)
	h := hmac.New(sha256.New, key)
	h.Write(content)
	nonce := h.Sum(nil)[:nonceSize]
	raw := slices.Concat([]byte{unsubscribeVersion}, nonce, sealer(key).Seal(nil, nonce, content, []byte{unsubscribeVersion}))
	return base64.RawURLEncoding.EncodeToString(raw)
}

// OpenUnsubscribe returns the user and the kind of a token that Unsubscribe made. Errors: ErrLink.
func (l *Links) OpenUnsubscribe(token string) (id.User, notifications.Kind, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || strings.ContainsAny(token, "\r\n") || len(b) <= 1+nonceSize || b[0] != unsubscribeVersion {
		return id.User{}, "", ErrLink
	}
	for _, key := range l.keys {
		content, err := sealer(unsubscribeKey(key.secret)).Open(nil, b[1:1+nonceSize], b[1+nonceSize:], b[:1])
		if err == nil && len(content) > len(id.User{}) {
			return id.User(content[:16]), notifications.Kind(content[16:]), nil
		}
	}
	return id.User{}, "", ErrLink
}

// unsubscribeKey derives a key of its own, because the key of Links makes tags.
func unsubscribeKey(secret []byte) []byte {
	key, err := deriveKey("unsubscribe", secret)
	if err != nil {
		panic(err) // the keys of a keyRing are long enough
	}
	return key
}

func sealer(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key has 32 bytes
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // the block has 16 bytes
	}
	return gcm
}
