// Package demo fills an empty store with demo data: travellers and locals in eight cities, with
// their conversations and reservations of the last weeks. The services make all of it, with a clock
// that is set to the time of each step, so that the data obeys every rule.
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

// The accounts that core/README.md#demo-data names. The other accounts have the same password.
const (
	Admin    = "admin@example.org"
	Voyager  = "voyager@example.org"
	Local    = "local@example.org"
	Password = "cicerone-demo"
)

// mark is the name of the mark of a store that holds demo data.
const mark = "demo"

// seed makes the same people in each run.
const seed = 1749

// ErrNotEmpty is returned by Fill if the store is not empty.
var ErrNotEmpty = fault.New(fault.Conflict, "store_not_empty", "the store is not empty: demo data needs an empty store")

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

// Empty reports whether the store is empty, except for marks.
func Empty(ctx context.Context, storage ports.Storage) (empty bool, err error) {
	err = ports.NewStore(storage, uow.Policy{}).View(ctx, func(ctx context.Context, tx ports.Tx) error {
		empty, err = isEmpty(ctx, tx)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("demo: check that the store is empty: %w", err)
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

// Fill writes the demo data, relative to now, into an empty store and marks the store, in one unit
// of work: an interrupted Fill leaves the store empty and unmarked. The password is hashed only
// once, for all accounts. Errors: ErrNotEmpty.
func Fill(ctx context.Context, storage ports.Storage, hasher users.Hasher, now time.Time) error {
	rows, err := makeRows(ctx, hasher, clock.Truncate(now))
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
			if err := tx.Rows().Write(ctx, table, rows[table]); err != nil {
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

// makeRows runs the story on services over a store in memory, and returns the rows of that store. They
// have no events, so that no mail is sent about what happened in the story.
func makeRows(ctx context.Context, hasher users.Hasher, now time.Time) (rows map[*ports.Table][]ports.Row, err error) {
	storage := memory.New()
	defer func() { err = errors.Join(err, storage.Close(context.WithoutCancel(ctx))) }()
	hash, err := hasher.Hash(ctx, Password)
	if err != nil {
		return nil, err
	}
	walk := &walk{}
	config := wiring.DefaultConfig()
	config.Clock, config.Hasher, config.Mailer = walk.now, onePassword{hasher, hash}, mail.NewLog(slog.New(slog.DiscardHandler), nil)
	services, err := wiring.NewServices(config, storage)
	if err != nil {
		return nil, err
	}
	if err := newStory(services, walk, gofakeit.New(seed), now).run(ctx); err != nil {
		return nil, err
	}
	rows = map[*ports.Table][]ports.Row{}
	err = ports.NewStore(storage, uow.Policy{}).View(ctx, func(ctx context.Context, tx ports.Tx) error {
		for _, table := range ports.Tables {
			if table == ports.Outbox {
				continue
			}
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

// onePassword is a Hasher that holds the hash of Password, so that it is computed only once.
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
