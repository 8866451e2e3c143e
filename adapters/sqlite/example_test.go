package sqlite_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

func Example() {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "cicerone")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	path := filepath.Join(folder, "cicerone.db")

	storage, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		log.Fatal(err)
	}
	store := ports.NewStore(storage, uow.Policy{})
	err = store.Do(ctx, func(ctx context.Context, tx ports.Tx) error {
		return tx.Marks().Mark(ctx, "opened for the first time", time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC))
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := storage.Close(ctx); err != nil {
		log.Fatal(err)
	}

	// The user is there when the store is opened again.
	storage, err = sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = storage.Close(ctx) }()
	store = ports.NewStore(storage, uow.Policy{})
	err = store.View(ctx, func(ctx context.Context, tx ports.Tx) error {
		since, marked, err := tx.Marks().Marked(ctx, "opened for the first time")
		fmt.Println(marked, since)
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output: true 2031-03-01 12:00:00 +0000 UTC
}
