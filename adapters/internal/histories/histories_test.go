package histories_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/histories"
	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/ports"
)

func inMemory() (ports.Storage, error) { return memory.New(), nil }

func TestSQLite(t *testing.T) {
	ctx, folder, n := context.Background(), t.TempDir(), 0
	template := filepath.Join(folder, "template.db")
	s, err := sqlite.Open(ctx, template, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	empty, err := os.ReadFile(template)
	if err != nil {
		t.Fatal(err)
	}
	histories.Compare(t, histories.Runs{Usual: 200, Soak: 5_000}, inMemory, func() (ports.Storage, error) {
		_ = os.Remove(filepath.Join(folder, fmt.Sprintf("%d.db", n)))
		n++
		path := filepath.Join(folder, fmt.Sprintf("%d.db", n))
		if err := os.WriteFile(path, empty, 0o600); err != nil {
			return nil, err
		}
		return sqlite.Open(ctx, path, sqlite.Options{})
	})
}
