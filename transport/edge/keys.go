package edge

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"
)

const (
	keySize = sha256.Size // the smallest number of bytes of a key
	tagSize = 16          // bytes of an HMAC-SHA-256
)

// keyRing has keys that authenticate what clients give back. The first one makes tags, and all of
// them verify.
type keyRing [][]byte

// newKeyRing returns an error if there is no key, if a key is too short, or if two are equal.
func newKeyRing(what string, keys [][]byte) (keyRing, error) {
	if len(keys) == 0 {
		return nil, fmt.Errorf("edge: no %s key", what)
	}
	var r keyRing
	for i, key := range keys {
		if len(key) < keySize {
			return nil, fmt.Errorf("edge: %s key %d has %d bytes: must have %d or more", what, i+1, len(key), keySize)
		}
		if slices.ContainsFunc(r, func(k []byte) bool { return hmac.Equal(k, key) }) {
			return nil, fmt.Errorf("edge: %s key %d is given twice", what, i+1)
		}
		r = append(r, slices.Clone(key))
	}
	return r, nil
}

func randomKeyRing() keyRing {
	key := make([]byte, keySize)
	rand.Read(key) // never fails
	return keyRing{key}
}

// deriveKey derives a key for one purpose from another secret key.
func deriveKey(what string, secret []byte) ([]byte, error) {
	if len(secret) < keySize {
		return nil, fmt.Errorf("edge: derive a %s key: the secret has %d bytes: must have %d or more", what, len(secret), keySize)
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "cicerone "+what+" key", keySize)
	if err != nil {
		return nil, fmt.Errorf("edge: derive a %s key: %w", what, err)
	}
	return key, nil
}

// tag returns the tag of content that belongs to something with a name.
func (r keyRing) tag(version byte, name, content []byte) []byte {
	return tagOf(r[0], version, name, content)
}

func (r keyRing) verify(tag []byte, version byte, name, content []byte) bool {
	return slices.ContainsFunc(r, func(key []byte) bool { return hmac.Equal(tag, tagOf(key, version, name, content)) })
}

// tagOf hashes the length of the name first, so that no part of the name can pass as content.
func tagOf(key []byte, version byte, name, content []byte) []byte {
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "%d %d %s %s", version, len(name), name, content)
	return h.Sum(nil)[:tagSize]
}
