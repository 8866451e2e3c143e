package bcrypt

import (
	"context"
	"testing"
)

// OccupyAll takes all the slots of h, as hashes under way would, until the test ends.
func OccupyAll(t *testing.T, h *Hasher) {
	for range cap(h.slots) {
		if err := h.acquire(context.Background()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(h.release)
	}
}
