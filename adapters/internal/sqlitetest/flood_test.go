package sqlitetest

import (
	"path/filepath"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/flood"
	"github.com/cicerone-go/cicerone/adapters/sqlite"
)

func TestOthersInAFlood(t *testing.T) {
	storage, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "cicerone.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	flood.Others(t, storage)
}
