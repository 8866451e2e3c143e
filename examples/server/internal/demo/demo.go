// Package demo peoples an empty store: travellers and locals in eight cities, who found each other,
// talked, and agreed on activities over the last weeks. Everything goes through the services, by a clock
// that walks through those weeks, so that it obeys every rule.
package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/brianvoe/gofakeit/v7"

	"github.com/cicerone-go/cicerone/adapters/mail"
	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
)

// The accounts that core/README.md#demo-data names. All the others have the same password.
const (
	Admin    = "admin@example.org"
	Voyager  = "voyager@example.org"
	Local    = "local@example.org"
	Password = "cicerone-demo"
)

// mark is what a store bears that holds demo data.
const mark = "demo"

// seed makes the people the same ones every time.
const seed = 1749

// ErrNotEmpty is a store that holds something already: demo data is put into an empty one only.
var ErrNotEmpty = fault.New(fault.Conflict, "store_not_empty", "demo data is put into an empty store only")

// Marked reports whether the store holds demo data.
func Marked(ctx context.Context, storage ports.Storage) (marked bool, err error) {
	err = ports.NewStore(storage, uow.Policy{}).View(ctx, func(ctx context.Context, tx ports.Tx) error {
		_, marked, err = tx.Marks().Marked(ctx, mark)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("demo: look for the mark: %w", err)
	}
	return marked, nil
}

// Empty reports whether the store holds nothing but marks.
func Empty(ctx context.Context, storage ports.Storage) (empty bool, err error) {
	err = ports.NewStore(storage, uow.Policy{}).View(ctx, func(ctx context.Context, tx ports.Tx) error {
		empty, err = isEmpty(ctx, tx)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("demo: see whether the store is empty: %w", err)
	}
	return empty, nil
}

func isEmpty(ctx context.Context, tx ports.Tx) (bool, error) {
	for _, table := range ports.Tables {
		if table == ports.StoreMarks {
			continue
		}
		rows, err := tx.Rows().Read(ctx, table, nil, 1)
		if err != nil || len(rows) > 0 {
			return false, err
		}
	}
	return true, nil
}

// Fill puts the demo data into an empty store, as it would be at now, and marks the store, all in one
// unit of work: a fill that is interrupted leaves the store empty and unmarked. The password is hashed
// once, for all accounts. Errors: ErrNotEmpty.
func Fill(ctx context.Context, storage ports.Storage, hasher users.Hasher, now time.Time) error {
	told, err := tell(ctx, hasher, clock.Truncate(now))
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	err = ports.NewStore(storage, uow.Policy{}).Do(ctx, func(ctx context.Context, tx ports.Tx) error {
		empty, err := isEmpty(ctx, tx)
		if err != nil {
			return err
		}
		if !empty {
			return ErrNotEmpty
		}
		for _, table := range ports.Tables {
			if err := tx.Rows().Write(ctx, table, told[table]); err != nil {
				return err
			}
		}
		return tx.Marks().Mark(ctx, mark, clock.Truncate(now))
	})
	if err != nil {
		return fmt.Errorf("demo: fill the store: %w", err)
	}
	return nil
}

// tell tells the story to services over a store in memory, and returns the rows that it left there.
func tell(ctx context.Context, hasher users.Hasher, now time.Time) (rows map[*ports.Table][]ports.Row, err error) {
	storage := memory.New()
	defer func() { err = errors.Join(err, storage.Close(context.WithoutCancel(ctx))) }()
	hash, err := hasher.Hash(ctx, Password)
	if err != nil {
		return nil, err
	}
	walk := &walk{}
	config := wiring.DefaultConfig()
	config.Clock, config.Hasher, config.Mailer = walk.now, onePassword{hasher, hash}, mail.NewLog(slog.New(slog.DiscardHandler))
	services, err := wiring.NewServices(config, storage)
	if err != nil {
		return nil, err
	}
	if err := newStory(services, walk, gofakeit.New(seed), now).tell(ctx); err != nil {
		return nil, err
	}
	rows = map[*ports.Table][]ports.Row{}
	err = ports.NewStore(storage, uow.Policy{}).View(ctx, func(ctx context.Context, tx ports.Tx) error {
		for _, table := range ports.Tables {
			for row, err := range ports.Scan(ctx, tx.Rows(), table, nil, 0) {
				if err != nil {
					return err
				}
				rows[table] = append(rows[table], row)
			}
		}
		return nil
	})
	return rows, err
}

// onePassword knows the hash of the one password that is ever hashed here.
type onePassword struct {
	users.Hasher
	hash string
}

// Hash implements users.Hasher.
func (h onePassword) Hash(ctx context.Context, password string) (string, error) {
	if password != Password {
		return h.Hasher.Hash(ctx, password)
	}
	return h.hash, nil
}
