package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/cicerone-go/cicerone/core/text"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations returns the files that Migrate runs, in the order of their names. They are plain SQL,
// for teams that have a migration tool of their own. They create everything in the first schema of
// search_path, and record each migration in the table schema_versions. A released file never
// changes. What the files do not do, making the folded texts of existing rows again, finding the
// latest message of each conversation and counting its messages, making the bits of the interests
// of each profile, setting whether searches find it, and sealing transactions that are older than
// seals, Migrate does after them. Open returns ErrOutdated if Migrate has to be run.
func Migrations() fs.FS {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		panic(fmt.Sprintf("postgres: %v", err)) // the folder is embedded above
	}
	return files
}

// Migrate creates the schema if it is missing, and brings its tables up to date, each migration in
// a transaction of its own. It may be interrupted and run again. Of concurrent calls one works and
// the others wait. The DSN is that of Open, but must reach the server itself, not a pooler in
// transaction mode. Its user needs the privilege to create schemas and extensions in the database.
// Stop the servers of the version before, unless the changelog says that they continue to work;
// start the new ones after Migrate.
//
// Migrate returns ErrNewer, uow.ErrRefused if the server rejects the user, the password or the
// database, and uow.ErrUnreachable if no connection can be made.
func Migrate(ctx context.Context, dsn string, o Options) error {
	o, err := o.withDefaults()
	if err == nil {
		err = migrate(ctx, dsn, o)
	}
	if err != nil {
		return fmt.Errorf("postgres: migrate: %w", err)
	}
	return nil
}

func migrate(ctx context.Context, dsn string, o Options) (err error) {
	config, err := parse(dsn)
	if err != nil {
		return err
	}
	schema := pgx.Identifier{o.Schema}.Sanitize()
	config.ConnConfig.RuntimeParams["search_path"] = schema + ", public" // the usual place of extensions
	db := stdlib.OpenDB(*config.ConnConfig)
	defer func() { err = errors.Join(err, db.Close()) }()

	// One connection holds the lock while it is open, and another one runs the migrations.
	lock, err := db.Conn(ctx)
	if err != nil {
		return translate(ctx, err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if _, err := lock.ExecContext(ctx, "SELECT pg_advisory_lock($1)", lockNumber("migrate")); err != nil {
		return fmt.Errorf("wait for another process's migration: %w", translate(ctx, err))
	}
	if _, err := lock.ExecContext(ctx, "CREATE SCHEMA IF NOT EXISTS "+schema); err != nil {
		return fmt.Errorf("create the schema: %w", translate(ctx, err))
	}
	if err := up(ctx, db); err != nil {
		return err
	}
	if err := refold(ctx, lock, o.Progress); err != nil {
		return err
	}
	for _, f := range fillings {
		if err := f.run(ctx, lock); err != nil {
			return fmt.Errorf("%s: %w", f.doing, err)
		}
	}
	if err := sealBefore(ctx, lock, config, o); err != nil {
		return fmt.Errorf("seal the ledger: %w", err)
	}
	return nil
}

func up(ctx context.Context, db *sql.DB) error {
	provider, err := goose.NewProvider("", db, Migrations(), goose.WithStore(versions{}), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the store's version: %w", translate(ctx, err))
	}
	if current > target {
		return newer(current, target)
	}
	if _, err := provider.Up(ctx); err != nil {
		return translate(ctx, err)
	}
	return nil
}

// checkVersion returns an error unless the schema's version is that of this program.
func (s *Store) checkVersion(ctx context.Context, c *conn) error {
	target, err := latest()
	if err != nil {
		return err
	}
	there, err := find(ctx, c, value((*row).bool), "SELECT to_regclass($1) IS NOT NULL", s.options.prefix()+"schema_versions")
	if err != nil {
		return fmt.Errorf("look for the store's version: %w", err)
	}
	if !there {
		return fmt.Errorf("%w (schema %s has no tables)", ErrOutdated, s.options.Schema)
	}
	current, err := find(ctx, c, value((*row).int), "SELECT coalesce(max(version), 0) FROM @schema_versions")
	switch {
	case err != nil:
		return fmt.Errorf("read the store's version: %w", err)
	case current > target:
		return newer(current, target)
	case current < target:
		return fmt.Errorf("%w (schema %s has version %d, this program needs %d)", ErrOutdated, s.options.Schema, current, target)
	}
	made, err := find(ctx, c, value((*row).int), "SELECT version FROM @text_folding")
	switch {
	case err != nil:
		return fmt.Errorf("read the version of the texts: %w", err)
	case made > text.Folding:
		return newer(made, text.Folding)
	case made < text.Folding:
		return fmt.Errorf("%w (the texts of schema %s were made by the rules %d, this program needs %d)",
			ErrOutdated, s.options.Schema, made, text.Folding)
	}
	sealed, err := find(ctx, c, value((*row).bool), "SELECT done FROM @ledger_sealing")
	switch {
	case err != nil:
		return fmt.Errorf("read whether the ledger is sealed: %w", err)
	case !sealed:
		return fmt.Errorf("%w (the ledger of schema %s is not sealed)", ErrOutdated, s.options.Schema)
	}
	for _, f := range fillings {
		if err := f.check(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// latest returns the version of the last migration.
func latest() (version int64, err error) {
	files, err := fs.Glob(Migrations(), "*.sql")
	if err != nil {
		return 0, fmt.Errorf("find the migrations: %w", err)
	}
	for _, f := range files {
		v, err := goose.NumericComponent(f)
		if err != nil {
			return 0, fmt.Errorf("read the version of %s: %w", f, err)
		}
		version = max(version, v)
	}
	return version, nil
}

func newer(current, target int64) error {
	return fmt.Errorf("%w (version %d; this program supports %d)", ErrNewer, current, target)
}
