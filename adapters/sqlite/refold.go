package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// batchToRefold is how many rows one transaction reads.
const batchToRefold = 500

// folding returns the version of the rules by which the derived texts of the file were made.
func folding(ctx context.Context, c *conn) (int64, error) {
	version, err := find(ctx, c, value((*row).int), "SELECT version FROM text_folding")
	if err != nil {
		return 0, fmt.Errorf("read the version of the texts: %w", err)
	}
	return version, nil
}

// refold makes the derived texts of all rows by the present rules, if they were made by earlier
// ones. It may be interrupted and run again.
func refold(ctx context.Context, c *conn, progress func(ports.Refolded)) error {
	made, err := folding(ctx, c)
	if err != nil || made >= text.Folding {
		return err
	}
	for _, table := range ports.Tables {
		if len(table.Derived()) == 0 {
			continue
		}
		if err := refoldTable(ctx, c, table, progress); err != nil {
			return fmt.Errorf("make the texts of %s: %w", table.Name, err)
		}
	}
	_, err = c.exec(ctx, "UPDATE text_folding SET version = ?", int64(text.Folding))
	return err
}

func refoldTable(ctx context.Context, c *conn, table *ports.Table, progress func(ports.Refolded)) error {
	total, err := find(ctx, c, value((*row).int), "SELECT count(*) FROM "+table.Name)
	if err != nil {
		return err
	}
	names := strings.Join(table.Names(), ", ")
	done, after := int64(0), []byte{}
	for {
		batch, err := list(ctx, c, func(r *row, row *ports.Row) { *row = table.Row(r) },
			"SELECT "+names+" FROM "+table.Name+" WHERE id > ? ORDER BY id LIMIT +?", after, int64(batchToRefold))
		if err != nil {
			return err
		}
		if err := refoldBatch(ctx, c, table, batch); err != nil {
			return err
		}
		done += int64(len(batch))
		progress(ports.Refolded{Table: table.Name, Done: done, Total: max(total, done)})
		if len(batch) < batchToRefold {
			return nil
		}
		last, _ := batch[len(batch)-1][0].([16]byte) // every such table has an id
		after = last[:]
	}
}

// refoldBatch changes rows in one transaction.
func refoldBatch(ctx context.Context, c *conn, table *ports.Table, batch []ports.Row) error {
	change := refolding(table)
	return c.together(ctx, func() error {
		for _, row := range batch {
			id, _ := row[0].([16]byte)
			if _, err := c.exec(ctx, change, append([]any{id[:]}, table.Derive(row)...)...); err != nil {
				return err
			}
			if table == ports.Users {
				if err := grantBefore(ctx, c, row); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// together calls f in a transaction that writes.
func (c *conn) together(ctx context.Context, f func() error) (err error) {
	if _, err := c.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, undone := c.exec(context.WithoutCancel(ctx), "ROLLBACK")
			err = errors.Join(err, undone)
		}
	}()
	if err := f(); err != nil {
		return err
	}
	_, err = c.exec(ctx, "COMMIT")
	return err
}

// refolding returns the statement that sets the derived columns ?2, ?3, … of the row ?1. A row that
// now is the same as another one becomes a twin.
func refolding(table *ports.Table) string {
	var set []string
	for i, d := range table.Derived() {
		set = append(set, fmt.Sprintf("%s = ?%d", d.Name, i+2))
		if d.Unique {
			set = append(set, fmt.Sprintf("twin = twin OR EXISTS (SELECT 1 FROM %s WHERE %s = ?%d AND NOT twin AND id <> ?1)",
				table.Name, d.Name, i+2))
		}
	}
	return "UPDATE " + table.Name + " SET " + strings.Join(set, ", ") + " WHERE id = ?1"
}

// grantBefore records the bonus of an account from before there were records.
func grantBefore(ctx context.Context, c *conn, row ports.Row) error {
	account, err := ports.AccountLayout.Value(row)
	if err != nil || account.Email == "" {
		return err
	}
	key, err := keyOf(ctx, c, users.GrantKey, users.NewGrantKey())
	if err != nil {
		return err
	}
	_, err = grant(ctx, c, users.HashGrant(key, text.FoldAddress(account.Email)))
	return err
}
