package bcrypt

import (
	"context"
	"testing"
)

// Decoys returns the hashes that Verify compares after hash.
func Decoys(h *Hasher, hash string) []string { return h.decoys(hash) }

// OccupyAll takes all slots of h until the test ends, as if each were computing a hash.
func OccupyAll(t *testing.T, h *Hasher) {
	for range cap(h.slots) {
		if err := h.acquire(context.Background()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(h.release)
	}
}
