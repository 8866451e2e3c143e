package mongodbtest

import (
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/surface"
	"github.com/cicerone-go/cicerone/ports"
)

// TestSurface tests the whole HTTP API. The address of the database is a secret of the server.
func TestSurface(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s target) {
		open := func(t *testing.T) ports.Storage { return s.open(t, s.fresh(t)) }
		surface.Surface(t, open, s.uri)
		if soak() {
			surface.Others(t, open)
		}
	})
}
