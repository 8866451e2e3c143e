package bcrypt

import (
	"context"
	"testing"
)

// OccupyAll takes all slots of h until the test ends, as if each were computing a hash.
func OccupyAll(t *testing.T, h *Hasher) {
	for range cap(h.slots) {
		if err := h.acquire(context.Background()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(h.release)
	}
}
