package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"modernc.org/sqlite"

	"github.com/cicerone-go/cicerone/core/text"
)

// The migrations. Each runs in one transaction together with the record that it ran, unless the
// file says NO TRANSACTION; the statements of such a file may run again. A released file never
// changes; a later change needs a further file.
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrate runs the migrations that the file lacks.
func migrate(ctx context.Context, path string) (err error) {
	connector, err := sqlite.NewConnector(dsn(path, false))
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	provider, err := newProvider(db)
	if err != nil {
		return err
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the store's version: %w", err)
	}
	if current > target {
		return newer(current, target)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

func newProvider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return nil, fmt.Errorf("find the migrations: %w", err)
	}
	provider, err := goose.NewProvider(database.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return provider, nil
}

// checkVersion returns an error unless the file's version is that of this program.
func checkVersion(ctx context.Context, c *conn) error {
	begun, err := find(ctx, c, value((*row).bool), "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?)", goose.DefaultTablename)
	if err != nil {
		return fmt.Errorf("look for the store's version: %w", err)
	}
	if !begun {
		return ErrOutdated
	}
	current, err := find(ctx, c, value((*row).int), "SELECT max(version_id) FROM "+goose.DefaultTablename)
	if err != nil {
		return fmt.Errorf("read the store's version: %w", err)
	}
	target, err := latest()
	switch {
	case err != nil:
		return err
	case current > target:
		return newer(current, target)
	case current < target:
		return fmt.Errorf("%w (version %d; this program needs %d)", ErrOutdated, current, target)
	}
	switch made, err := folding(ctx, c); {
	case err != nil:
		return err
	case made > text.Folding:
		return newer(made, text.Folding)
	case made < text.Folding:
		return fmt.Errorf("%w (its texts were made by the rules %d; this program needs %d)", ErrOutdated, made, text.Folding)
	}
	if done, err := isSealed(ctx, c); err != nil || !done {
		return errors.Join(err, fmt.Errorf("%w (its ledger is not sealed)", ErrOutdated))
	}
	if done, err := hasActivity(ctx, c); err != nil || !done {
		return errors.Join(err, fmt.Errorf("%w (its conversations lack their latest messages)", ErrOutdated))
	}
	if done, err := hasNumbers(ctx, c); err != nil || !done {
		return errors.Join(err, fmt.Errorf("%w (its profiles lack the numbers of their interests)", ErrOutdated))
	}
	return nil
}

// latest returns the version of the last migration.
func latest() (version int64, err error) {
	files, err := fs.Glob(migrationFiles, "migrations/*.sql")
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
