package edge

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"sync"
)

const (
	keySize = sha256.Size // the smallest number of bytes of a key
	tagSize = 16          // bytes of an HMAC-SHA-256
)

// keyRing has keys that authenticate what clients give back. The first one makes tags, and all of
// them verify.
type keyRing []*key

// key is a key with the state of hashes that were made with it, so that they need not begin anew.
type key struct {
	secret []byte
	hashes sync.Pool
}

func newKey(secret []byte) *key {
	return &key{secret: secret, hashes: sync.Pool{New: func() any { return hmac.New(sha256.New, secret) }}}
}

// newKeyRing returns an error if there is no key, if a key is too short, or if two are equal.
func newKeyRing(what string, keys [][]byte) (keyRing, error) {
	if len(keys) == 0 {
		return nil, fmt.Errorf("edge: no %s key", what)
	}
	var r keyRing
	for i, secret := range keys {
		if len(secret) < keySize {
			return nil, fmt.Errorf("edge: %s key %d has %d bytes: must have %d or more", what, i+1, len(secret), keySize)
		}
		if slices.ContainsFunc(r, func(k *key) bool { return hmac.Equal(k.secret, secret) }) {
			return nil, fmt.Errorf("edge: %s key %d is given twice", what, i+1)
		}
		r = append(r, newKey(slices.Clone(secret)))
	}
	return r, nil
}

func randomKeyRing() keyRing {
	secret := make([]byte, keySize)
	rand.Read(secret) // never fails
	return keyRing{newKey(secret)}
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
	return r[0].tag(version, name, content)
}

func (r keyRing) verify(tag []byte, version byte, name, content []byte) bool {
	return slices.ContainsFunc(r, func(k *key) bool { return hmac.Equal(tag, k.tag(version, name, content)) })
}

// tag hashes the length of the name first, so that no part of the name can pass as content.
func (k *key) tag(version byte, name, content []byte) []byte {
	b := make([]byte, 0, len(name)+len(content)+sha256.Size)
	b = append(strconv.AppendInt(b, int64(version), 10), ' ')
	b = append(strconv.AppendInt(b, int64(len(name)), 10), ' ')
	b = append(append(append(b, name...), ' '), content...)
	h := k.hashes.Get().(hash.Hash) //nolint:forcetypeassert // nothing else is in the pool
	defer k.hashes.Put(h)
	h.Reset()
	_, _ = h.Write(b) // it never fails
	return h.Sum(b[:0])[:tagSize]
}
