package sqlitetest

import (
	"path/filepath"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/surface"
	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/ports"
)

// TestSurface tests the whole HTTP API. The path of the file is a secret of the server.
func TestSurface(t *testing.T) {
	folder := t.TempDir()
	open := func(t *testing.T) ports.Storage {
		s, err := sqlite.Open(t.Context(), filepath.Join(folder, filepath.Base(t.Name())+".db"), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	surface.Surface(t, open, folder)
	if soak() {
		surface.Others(t, open)
	}
}
