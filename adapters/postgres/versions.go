package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pressly/goose/v3/database"
)

// versions makes goose use the table schema_versions. The migrations record themselves there, so
// goose and another tool can take turns in running them.
type versions struct{}

var _ database.StoreExtender = versions{}

func (versions) Tablename() string { return "schema_versions" }

func (versions) TableExists(ctx context.Context, db database.DBTxConn) (exists bool, err error) {
	err = db.QueryRowContext(ctx, "SELECT to_regclass(quote_ident(current_schema()) || '.schema_versions') IS NOT NULL").Scan(&exists)
	if err != nil {
		return false, fmt.Errorf("look for schema_versions: %w", err)
	}
	return exists, nil
}

func (versions) CreateVersionTable(ctx context.Context, db database.DBTxConn) error {
	_, err := db.ExecContext(ctx, `CREATE TABLE schema_versions (
		version bigint NOT NULL PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`)
	if err != nil {
		return fmt.Errorf("create schema_versions: %w", err)
	}
	return nil
}

func (versions) Insert(ctx context.Context, db database.DBTxConn, req database.InsertRequest) error {
	_, err := db.ExecContext(ctx, "INSERT INTO schema_versions (version) VALUES ($1) ON CONFLICT (version) DO NOTHING", req.Version)
	if err != nil {
		return fmt.Errorf("record version %d: %w", req.Version, err)
	}
	return nil
}

// Delete is only for down migrations, and there are none.
func (versions) Delete(context.Context, database.DBTxConn, int64) error {
	return database.ErrNotImplemented
}

func (versions) GetMigration(
	ctx context.Context, db database.DBTxConn, version int64,
) (*database.GetMigrationResult, error) {
	var at time.Time
	err := db.QueryRowContext(ctx, "SELECT applied_at FROM schema_versions WHERE version = $1", version).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, database.ErrVersionNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read version %d: %w", version, err)
	}
	return &database.GetMigrationResult{Timestamp: at, IsApplied: true}, nil
}

func (versions) GetLatestVersion(ctx context.Context, db database.DBTxConn) (int64, error) {
	var latest sql.NullInt64
	if err := db.QueryRowContext(ctx, "SELECT max(version) FROM schema_versions").Scan(&latest); err != nil {
		return 0, fmt.Errorf("read the latest version: %w", err)
	}
	if !latest.Valid {
		return 0, database.ErrVersionNotFound
	}
	return latest.Int64, nil
}

func (versions) ListMigrations(
	ctx context.Context, db database.DBTxConn,
) (all []*database.ListMigrationsResult, err error) {
	rows, err := db.QueryContext(ctx, "SELECT version FROM schema_versions ORDER BY version DESC")
	if err != nil {
		return nil, fmt.Errorf("list the versions: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		r := &database.ListMigrationsResult{IsApplied: true}
		if err := rows.Scan(&r.Version); err != nil {
			return nil, fmt.Errorf("list the versions: %w", err)
		}
		all = append(all, r)
	}
	return all, rows.Err()
}
