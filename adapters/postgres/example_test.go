package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/uow"
)

// A team with a migration tool of its own takes the files from here, or from the folder migrations.
func ExampleMigrations() {
	files, err := fs.Glob(postgres.Migrations(), "*.sql")
	fmt.Println(files[0], err)
	// Output: 00001_schema.sql <nil>
}

// No server listens on port 1, so Open returns uow.ErrUnreachable.
func ExampleOpen() {
	ctx := context.Background()
	const dsn = "postgres://cicerone@127.0.0.1:1/cicerone"
	options := postgres.Options{StatementTimeout: 5 * time.Second}

	if err := postgres.Migrate(ctx, dsn, options); err != nil {
		fmt.Println("migrate:", errors.Is(err, uow.ErrUnreachable))
	}
	store, err := postgres.Open(ctx, dsn, options)
	if err != nil {
		fmt.Println("open:", errors.Is(err, uow.ErrUnreachable))
		return
	}
	defer func() { _ = store.Close(ctx) }()
	// Output:
	// migrate: true
	// open: true
}

// A host sets up its pool with Configure, and keeps it.
func ExampleNew() { //nolint:testableexamples // it needs a server; the tests in adapters/internal have one
	ctx := context.Background()
	options := postgres.Options{Schema: "community"}

	config, err := pgxpool.ParseConfig("postgres://app@localhost/app")
	if err != nil {
		log.Fatal(err)
	}
	if err := options.Configure(config); err != nil {
		log.Fatal(err)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	store, err := postgres.New(ctx, pool, options)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = store.Close(ctx) }() // the pool stays open
}

// The host's row and the message are committed together.
func ExampleStore_Join() { //nolint:testableexamples // it needs a server; examples/owntx is run against one
	book := func(ctx context.Context, pool *pgxpool.Pool, store *postgres.Store, messages *messaging.Service,
		caller id.User, conversation id.Conversation,
	) error {
		tx, err := pool.Begin(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback(ctx) }()
		if _, err := tx.Exec(ctx, "INSERT INTO bookings (guest) VALUES ($1)", caller); err != nil {
			return err
		}
		_, err = messages.Send(store.Join(ctx, tx), caller, conversation, messaging.Draft{Content: "It is booked."}, "")
		if err != nil {
			return err
		}
		return tx.Commit(ctx)
	}
	_ = book
}
