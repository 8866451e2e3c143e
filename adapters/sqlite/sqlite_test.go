package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/ports/porttest"
)

func TestStorage(t *testing.T) {
	porttest.Storage(t, func(t *testing.T) ports.Storage { return open(t, empty(t), sqlite.Options{}) })
}

// open opens a store, or fails the test. The caller closes the store.
func open(t testing.TB, path string, o sqlite.Options) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeStore(t testing.TB, s *sqlite.Store) {
	t.Helper()
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// empty makes a file with all tables and no rows. To migrate is slow, so it is done once and
// copied.
func empty(t *testing.T) string {
	t.Helper()
	template.once.Do(func() {
		path := filepath.Join(t.TempDir(), "template.db")
		closeStore(t, open(t, path, sqlite.Options{}))
		template.bytes = read(t, path)
	})
	path := filepath.Join(t.TempDir(), "cicerone.db")
	write(t, path, template.bytes)
	return path
}

var template struct {
	once  sync.Once
	bytes []byte
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
