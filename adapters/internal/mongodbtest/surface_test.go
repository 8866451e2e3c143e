package mongodbtest

import (
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/surface"
	"github.com/cicerone-go/cicerone/ports"
)

// TestSurface tests the whole HTTP API. The address of the database is a secret of the server.
func TestSurface(t *testing.T) {
	everywhere(t, func(t *testing.T, s target) {
		surface.Surface(t, func(t *testing.T) ports.Storage { return s.open(t, s.fresh(t)) }, s.uri)
	})
}
