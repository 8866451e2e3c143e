package sqlitetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/cicerone-go/cicerone/adapters/internal/wired"
	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/wiring"
	root "github.com/cicerone-go/cicerone/wiring/sqlite"
)

func TestWiring(t *testing.T) {
	wired.Servers(t, false, func(t *testing.T) wired.New {
		path := filepath.Join(t.TempDir(), "cicerone.db")
		return func(ctx context.Context, c wiring.Config) (*wiring.App, error) { return root.New(ctx, path, c) }
	})
}

func TestWiringRefusesASecondServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cicerone.db")
	first := wiredTo(t, path)
	if _, err := root.New(t.Context(), path, wired.Config()); !errors.Is(err, sqlite.ErrInUse) {
		t.Errorf("New = %v, want ErrInUse", err)
	}
	if err := errors.Join(first.Storage.Ping(t.Context()), first.Close(t.Context())); err != nil {
		t.Errorf("the first server: %v", err)
	}
	wiredTo(t, path)
}

func TestInvalidConfigurationCreatesNoFile(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	folder, c := t.TempDir(), wired.Config()
	c.Access.Audience = ""
	_, err := root.New(t.Context(), filepath.Join(folder, "cicerone.db"), c)
	if err == nil || !strings.Contains(err.Error(), "Access.Audience") {
		t.Errorf("New = %v, want an error about Access.Audience", err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) > 0 {
		t.Errorf("the folder holds %v (error %v), want no file", entries, err)
	}
}

func TestCancelledBuildLeavesNothingOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cicerone.db")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	func() {
		defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
		if _, err := root.New(ended, path, wired.Config()); !errors.Is(err, context.Canceled) {
			t.Errorf("New = %v, want context.Canceled", err)
		}
	}()
	wiredTo(t, path)
}

// wiredTo makes a server over a file. It is closed when the test ends.
func wiredTo(t *testing.T, path string) *wiring.App {
	t.Helper()
	app, err := root.New(t.Context(), path, wired.Config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.Close(context.Background()); err != nil { // a second Close does nothing
			t.Error(err)
		}
	})
	return app
}
