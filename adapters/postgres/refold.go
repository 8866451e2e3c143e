package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// batchToRefold is how many rows one transaction changes.
const batchToRefold = 500

// refold makes the derived texts of all rows by the present rules, if they were made by earlier
// ones. It may be interrupted and run again. search_path begins with the schema.
func refold(ctx context.Context, db *sql.Conn, progress func(ports.Refolded)) error {
	return db.Raw(func(driver any) error {
		c := driver.(*stdlib.Conn).Conn() //nolint:forcetypeassert // the connection is one of stdlib
		var made int64
		if err := c.QueryRow(ctx, "SELECT version FROM text_folding").Scan(&made); err != nil || made >= text.Folding {
			return translate(ctx, err)
		}
		for _, table := range ports.Tables {
			if len(table.Derived()) == 0 {
				continue
			}
			if err := refoldTable(ctx, c, table, progress); err != nil {
				return fmt.Errorf("make the texts of %s: %w", table.Name, translate(ctx, err))
			}
		}
		_, err := c.Exec(ctx, "UPDATE text_folding SET version = $1", int64(text.Folding))
		return translate(ctx, err)
	})
}

func refoldTable(ctx context.Context, c *pgx.Conn, table *ports.Table, progress func(ports.Refolded)) error {
	of := ports.Refolded{Table: table.Name}
	if err := c.QueryRow(ctx, "SELECT count(*) FROM "+table.Name).Scan(&of.Total); err != nil {
		return err
	}
	for after := [16]byte{}; ; {
		var changed []ports.Row
		err := pgx.BeginFunc(ctx, c, func(tx pgx.Tx) (err error) {
			changed, err = refoldBatch(ctx, tx, table, after)
			return err
		})
		if err != nil {
			return err
		}
		of.Done += int64(len(changed))
		of.Total = max(of.Total, of.Done)
		progress(of)
		if len(changed) < batchToRefold {
			return nil
		}
		after, _ = changed[len(changed)-1][0].([16]byte) // every such table has an id
	}
}

// refoldBatch changes the rows after an id, and returns them as they were read.
func refoldBatch(ctx context.Context, tx pgx.Tx, table *ports.Table, after [16]byte) (batch []ports.Row, err error) {
	columns := make([]string, len(table.Columns))
	for i, c := range table.Columns {
		columns[i] = readable(c)
	}
	found, err := tx.Query(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM "+table.Name+
		" WHERE id > $1 ORDER BY id LIMIT $2 FOR NO KEY UPDATE", after, batchToRefold)
	if err != nil {
		return nil, err
	}
	batch, err = pgx.CollectRows(found, func(raw pgx.CollectableRow) (ports.Row, error) {
		r := row{fields: raw.FieldDescriptions(), values: raw.RawValues(), types: tx.Conn().TypeMap()}
		out := table.Row(&r)
		return out, r.err
	})
	if err != nil {
		return nil, err
	}
	change, all := refolding(table), &pgx.Batch{}
	for _, row := range batch {
		all.Queue(change, slices.Concat([]any{row[0]}, table.Derive(row))...)
	}
	if err := tx.SendBatch(ctx, all).Close(); err != nil {
		return nil, err
	}
	if table == ports.Users {
		err = grantBefore(ctx, tx, batch)
	}
	return batch, err
}

// refolding returns the statement that sets the derived columns $2, $3, … of the row $1. A row that
// now is the same as another one becomes a twin.
func refolding(table *ports.Table) string {
	var set []string
	for i, d := range table.Derived() {
		set = append(set, fmt.Sprintf("%s = $%d", d.Name, i+2))
		if d.Unique {
			set = append(set, fmt.Sprintf("twin = twin OR EXISTS (SELECT FROM %s WHERE %s = $%d AND NOT twin AND id <> $1)",
				table.Name, d.Name, i+2))
		}
	}
	return "UPDATE " + table.Name + " SET " + strings.Join(set, ", ") + " WHERE id = $1"
}

// grantBefore records the bonuses of accounts from before there were records.
func grantBefore(ctx context.Context, tx pgx.Tx, batch []ports.Row) error {
	var key []byte
	err := tx.QueryRow(ctx, `
		WITH fresh AS (INSERT INTO store_keys (name, key) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING key)
		SELECT key FROM fresh UNION ALL SELECT key FROM store_keys WHERE name = $1`, users.GrantKey, users.NewGrantKey()).Scan(&key)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	var hashes [][]byte
	for _, row := range batch {
		account, err := ports.AccountLayout.Value(row)
		if err != nil {
			return err
		}
		if account.Email != "" {
			hash := users.HashGrant(key, text.FoldAddress(account.Email))
			hashes = append(hashes, hash[:])
		}
	}
	_, err = tx.Exec(ctx, "INSERT INTO signup_grants (address_hash) SELECT unnest($1::bytea[]) ON CONFLICT DO NOTHING", hashes)
	return err
}
