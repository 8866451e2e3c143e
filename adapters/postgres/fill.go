package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// filling fills the columns that a migration has added, in the rows that are older than it. Each
// batch is a transaction.
type filling struct {
	doing string    // what it does, for errors
	state statement // a table with one row; its column done is true if all rows are filled
	batch statement // fills the first $2 rows after the id $1, and returns the last id
	lacks string    // why ErrOutdated is returned before that; %s is the schema
}

// fillings are in the order of their migrations.
var fillings = []filling{
	{"find the latest message of each conversation", "@conversation_activity", latestOfBatch,
		"the conversations of schema %s lack their latest messages"},
	{"make the bits of the interests of each profile", "@profile_bits", bitsOfBatch,
		"the profiles of schema %s lack the bits of their interests"},
	{"count the messages of each conversation", "@conversation_counts", countsOfBatch,
		"the messages in the conversations of schema %s are not counted"},
	{"find the profiles whose accounts are active", "@findable_profiles", findableOfBatch,
		"the profiles of schema %s lack whether a search can find them"},
}

// batchToFill is how many rows one transaction changes.
const batchToFill = 1000

// run fills all rows. It may be interrupted and run again. search_path of db begins with the
// schema.
func (f filling) run(ctx context.Context, db *sql.Conn) error {
	var done bool
	if err := db.QueryRowContext(ctx, bare("SELECT done FROM "+f.state)).Scan(&done); err != nil || done {
		return translate(ctx, err)
	}
	for last := noID; ; {
		err := db.QueryRowContext(ctx, bare(f.batch), last, batchToFill).Scan(&last)
		if errors.Is(err, sql.ErrNoRows) {
			break
		}
		if err != nil {
			return translate(ctx, err)
		}
	}
	_, err := db.ExecContext(ctx, bare("UPDATE "+f.state+" SET done = true"))
	return translate(ctx, err)
}

// bare returns a statement without the name of the schema. The search_path of the connection must
// begin with it.
func bare(s statement) string { return strings.ReplaceAll(string(s), "@", "") }

// check returns an error unless all rows are filled.
func (f filling) check(ctx context.Context, c *conn) error {
	done, err := find(ctx, c, value((*row).bool), "SELECT done FROM "+f.state)
	if err == nil && !done {
		err = fmt.Errorf("%w ("+f.lacks+")", ErrOutdated, c.store.options.Schema)
	}
	if err != nil {
		return fmt.Errorf("read whether Migrate has to %s: %w", f.doing, err)
	}
	return nil
}
