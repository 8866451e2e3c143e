// Package secret seals the secrets that a store keeps and that the program has to read again, such
// as those of second factors and of webhooks. A store without the keys does not reveal them.
package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
)

// KeySize is the minimum size of a key in bytes.
const KeySize = 32

const version = 1 // of the form of a sealed secret; its first byte

// Box seals secrets with AES-256-GCM. It is safe for concurrent use.
type Box struct{ seals []cipher.AEAD }

// NewBox returns a Box for one purpose, for example "totp", which does not open what a Box for
// another one has sealed. The keys are secrets of KeySize bytes or more, from which those of the Box
// are derived, so that they may have other uses. The first key seals, and all of them open. The
// secrets that a removed key has sealed cannot be opened any more. NewBox returns an error if there
// is no key, or if a key is too short or a duplicate.
func NewBox(purpose string, keys ...[]byte) (*Box, error) {
	if len(keys) == 0 {
		return nil, errors.New("no key")
	}
	var b Box
	for i, key := range keys {
		if len(key) < KeySize {
			return nil, fmt.Errorf("key %d has %d bytes: must have %d or more", i+1, len(key), KeySize)
		}
		if slices.ContainsFunc(keys[:i], func(k []byte) bool { return slices.Equal(k, key) }) {
			return nil, fmt.Errorf("key %d is given twice", i+1)
		}
		seal, err := newSeal(purpose, key)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		b.seals = append(b.seals, seal)
	}
	return &b, nil
}

// newSeal returns AES-256-GCM with a key that is derived from another one, and with random nonces.
func newSeal(purpose string, key []byte) (cipher.AEAD, error) {
	derived, err := hkdf.Key(sha256.New, key, nil, "cicerone "+purpose+" key", KeySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Seal seals a secret and binds it to a text, for example the kind and the id of its row, so that it
// cannot be moved to another one.
func (b *Box) Seal(secret []byte, bound string) []byte {
	return b.seals[0].Seal([]byte{version}, nil, secret, []byte(bound)) //nolint:gosec // the cipher makes the nonce
}

// Open returns a secret that Seal has sealed and bound to a text. It returns an error if it was
// sealed with no key of the Box, bound to another text, or changed.
func (b *Box) Open(sealed []byte, bound string) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != version {
		return nil, errors.New("the sealed secret has an unknown form")
	}
	for _, seal := range b.seals {
		if secret, err := seal.Open(nil, nil, sealed[1:], []byte(bound)); err == nil {
			return secret, nil
		}
	}
	return nil, errors.New("none of the keys opens the secret: it was sealed with another one, or for another row")
}
