package postgres

import (
	"context"
	"strings"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/ports"
)

var (
	outbox   = tableOf(ports.OutboxLayout)
	numbered = tableOf(ports.EventLayout)

	eventColumns = statement(strings.Join(outbox.names, ", "))

	// numberEvents moves the events that were added first, and returns their number. The unit holds
	// the counter, so no other one takes them.
	numberEvents = `WITH taken AS (
			DELETE FROM @outbox WHERE arrival = ANY(ARRAY(SELECT arrival FROM @outbox ORDER BY arrival LIMIT $1)) RETURNING arrival, ` + eventColumns + `
		), placed AS (
			INSERT INTO @events (position, ` + eventColumns + `)
			SELECT (SELECT value FROM @counters WHERE name = $2) + row_number() OVER (ORDER BY arrival), ` + eventColumns + ` FROM taken
			RETURNING 1
		) UPDATE @counters SET value = value + (SELECT count(*) FROM placed) WHERE name = $2 RETURNING (SELECT count(*) FROM placed)`
)

// insertEvents are the statements that insert one event, two, and so on.
var insertEvents = func() (statements [8]statement) {
	columns := len(outbox.names)
	for i := range statements {
		var rows []string
		for n := range i + 1 {
			rows = append(rows, "("+placeholders(n*columns+1, columns)+")")
		}
		statements[i] = "INSERT INTO @outbox (" + eventColumns + ") VALUES " + statement(strings.Join(rows, ", "))
	}
	return statements
}()

// addEvents returns the command that inserts events, in their order.
func addEvents(all []events.Event) command {
	var args []any
	for _, e := range all {
		args = append(args, outbox.args(e)...)
	}
	return command{insertEvents[len(all)-1], args}
}

type eventsRepository struct{ *unit }

func (repo eventsRepository) Add(ctx context.Context, all ...events.Event) error {
	return repo.write(ctx, func(c *conn) error {
		c.added = append(c.added, all...)
		return nil
	})
}

// Number looks for an event first, so that a unit that finds none writes nothing. It holds the
// counter in a statement before the one that takes events, so that this sees what the last holder
// committed.
func (repo eventsRepository) Number(ctx context.Context, limit int) (n int, err error) {
	err = repo.write(ctx, func(c *conn) error {
		some, err := find(ctx, c, value((*row).bool), "SELECT EXISTS (SELECT 1 FROM @outbox) AND $1 > 0", limited(limit))
		if err != nil || !some {
			return err
		}
		c.later("INSERT INTO @counters (name, value) VALUES ($1, 0) ON CONFLICT (name) DO NOTHING", ports.EventCounter)
		c.later("SELECT value FROM @counters WHERE name = $1 FOR NO KEY UPDATE", ports.EventCounter)
		taken, err := find(ctx, c, value((*row).int), numberEvents, limited(limit), ports.EventCounter)
		n = int(taken)
		return err
	})
	return n, err
}

func (repo eventsRepository) After(ctx context.Context, position int64, limit int) (page []events.Numbered, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		page, err = list(ctx, c, numbered.scan, "SELECT "+numbered.columns+
			" FROM @events WHERE position > $1 ORDER BY position LIMIT $2", position, limited(limit))
		return err
	})
	return page, err
}

func (repo eventsRepository) At(ctx context.Context, positions ...int64) (found []events.Numbered, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		found, err = list(ctx, c, numbered.scan, "SELECT "+numbered.columns+
			" FROM @events WHERE position = ANY($1) ORDER BY position", notNil(positions))
		return err
	})
	return found, err
}

func (repo eventsRepository) Trim(ctx context.Context, upTo int64, limit int) (trimmed int, err error) {
	err = repo.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, `DELETE FROM @events WHERE position = ANY(ARRAY(SELECT position FROM @events
			WHERE position <= $1 AND NOT EXISTS (SELECT 1 FROM @set_aside_events WHERE set_aside_events.position = events.position)
			ORDER BY position LIMIT $2 FOR UPDATE SKIP LOCKED))`, upTo, limited(limit))
		trimmed = int(n)
		return err
	})
	return trimmed, err
}

func (repo eventsRepository) Backlog(ctx context.Context) (b events.Backlog, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		b, err = find(ctx, c, func(r *row, b *events.Backlog) { b.Highest, b.Oldest = r.int(), r.time() },
			`SELECT coalesce((SELECT value FROM @counters WHERE name = $1), 0),
				(SELECT created_at FROM @outbox ORDER BY arrival LIMIT 1)`, ports.EventCounter)
		return err
	})
	return b, err
}
