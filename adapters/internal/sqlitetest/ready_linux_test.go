package sqlitetest

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/wired"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/wiring/sqlite"
)

func TestNotReadyWhileTheDiskIsFull(t *testing.T) {
	disk := workload.SmallDisk(t, 8)
	c := wired.Config()
	c.Limits.Anonymous.PerSecond = 0
	app, err := sqlite.New(t.Context(), filepath.Join(disk, "full.db"), c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := app.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	wired.FullDisk(t, app, disk)
}
