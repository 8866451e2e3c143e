// Package released checks that the migration of a store that an earlier version made loses nothing
// of it.
package released

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// Content holds the rows of each table as texts by column.
type Content map[string][]map[string]string

// Read reads the tables of a database of SQLite or PostgreSQL that query names.
func Read(ctx context.Context, db *sql.DB, query string) (Content, error) {
	named, err := read(ctx, db, query)
	if err != nil {
		return nil, fmt.Errorf("list the tables: %w", err)
	}
	all := Content{}
	for _, row := range named {
		for _, table := range row {
			if all[table], err = read(ctx, db, "SELECT * FROM "+table); err != nil {
				return nil, fmt.Errorf("read %s: %w", table, err)
			}
		}
	}
	return all, nil
}

func read(ctx context.Context, db *sql.DB, query string) (all []map[string]string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err has the error of a read that failed
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		values, to := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			to[i] = &values[i]
		}
		if err := rows.Scan(to...); err != nil {
			return nil, err
		}
		row := map[string]string{}
		for i, column := range columns {
			row[column] = fmt.Sprint(values[i])
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// ledgerRules are statements in the SQL of SQLite and PostgreSQL. Each returns 0 if the ledger
// keeps the rule. They ask for columns that all versions have.
var ledgerRules = map[string]string{
	"a balance is the sum of its amounts": `SELECT count(*) FROM wallets w WHERE balance <>
		(SELECT COALESCE(sum(amount), 0) FROM token_transactions t WHERE t.user_id = w.user_id)`,
	"a balance is that after the last transaction": `SELECT count(*) FROM wallets w WHERE balance <> COALESCE(
		(SELECT balance_after FROM token_transactions t WHERE t.user_id = w.user_id ORDER BY seq DESC LIMIT 1), 0)`,
	"a transaction continues the one before it": `SELECT count(*) FROM token_transactions t
		WHERE balance_after - balance_before <> amount OR balance_before <> COALESCE(
		(SELECT balance_after FROM token_transactions b WHERE b.user_id = t.user_id AND b.seq = t.seq - 1), 0)`,
	"balances and held tokens are what was created": `SELECT CAST(
		(SELECT COALESCE(sum(balance), 0) FROM wallets) +
		(SELECT COALESCE(sum(tokens), 0) FROM reservations WHERE status = 'accepted') -
		(SELECT COALESCE(sum(amount), 0) FROM token_transactions
			WHERE type NOT IN ('ACTIVITY_PAYMENT', 'REFUND', 'ACTIVITY_RECEIPT')) AS bigint)`,
}

// Audit returns an error that names the rules that the ledger breaks. It does not need the services
// of the version that made the store.
func Audit(ctx context.Context, db *sql.DB) error {
	var broken []string
	for rule, query := range ledgerRules {
		var n int64
		if err := db.QueryRowContext(ctx, query).Scan(&n); err != nil {
			return fmt.Errorf("audit whether %s: %w", rule, err)
		}
		if n != 0 {
			broken = append(broken, fmt.Sprintf("%s: %d", rule, n))
		}
	}
	if len(broken) > 0 {
		slices.Sort(broken)
		return fmt.Errorf("the ledger is broken: %s", strings.Join(broken, "; "))
	}
	return nil
}

// versions are the tables of a store that describe its schema. Migrations write them.
var versions = []string{"schema_versions", "goose_db_version", "text_folding"}

// Lost describes each table that has other rows after a migration. It compares the columns that exist
// before and after, except for folded and searched texts, which migrations compute again.
func (before Content) Lost(after Content) (tables []string) {
	for table, rows := range before {
		if len(rows) == 0 || slices.Contains(versions, table) {
			continue
		}
		if len(after[table]) != len(rows) {
			tables = append(tables, fmt.Sprintf("%s had %d rows, and has %d", table, len(rows), len(after[table])))
			continue
		}
		var common []string
		for column := range rows[0] {
			_, still := after[table][0][column]
			if still && !strings.HasSuffix(column, "_folded") && !strings.HasSuffix(column, "_searched") {
				common = append(common, column)
			}
		}
		slices.Sort(common)
		if !slices.Equal(lines(rows, common), lines(after[table], common)) {
			tables = append(tables, table+" has other values")
		}
	}
	slices.Sort(tables)
	return tables
}

// lines returns the values of some columns of each row, sorted.
func lines(rows []map[string]string, columns []string) []string {
	var all []string
	for _, row := range rows {
		var values []string
		for _, column := range columns {
			values = append(values, fmt.Sprintf("%q", row[column]))
		}
		all = append(all, strings.Join(values, " "))
	}
	slices.Sort(all)
	return all
}
