//go:build !instrumented

package httpapi_test

import (
	"path/filepath"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/ports"
)

func init() {
	openSQLite = func(f *testing.F) ports.Storage {
		storage, err := sqlite.Open(f.Context(), filepath.Join(f.TempDir(), "town.db"), sqlite.Options{})
		if err != nil {
			f.Fatal(err)
		}
		return storage
	}
}
