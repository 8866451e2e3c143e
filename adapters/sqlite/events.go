package sqlite

import (
	"context"
	"strings"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/ports"
)

var (
	outbox   = tableOf(ports.OutboxLayout)
	numbered = tableOf(ports.EventLayout)

	eventColumns = strings.Join(outbox.names, ", ")

	// numberEvents and dropNumbered take the same rows, those that were added first.
	numberEvents = `INSERT INTO events (position, ` + eventColumns + `)
		SELECT coalesce((SELECT value FROM counters WHERE name = ?2), 0) + row_number() OVER (ORDER BY arrival), ` + eventColumns + `
		FROM (SELECT * FROM outbox ORDER BY arrival LIMIT ?1)`
)

const dropNumbered = "DELETE FROM outbox WHERE arrival IN (SELECT arrival FROM outbox ORDER BY arrival LIMIT ?)"

type eventsRepository struct{ *unit }

func (repo eventsRepository) Add(ctx context.Context, all ...events.Event) error {
	return repo.write(ctx, func(c *conn) error {
		for _, e := range all {
			if _, err := c.exec(ctx, outbox.insert, outbox.args(e)...); err != nil {
				return err
			}
		}
		return nil
	})
}

func (repo eventsRepository) Number(ctx context.Context, limit int) (n int, err error) {
	err = repo.write(ctx, func(c *conn) error {
		taken, err := c.exec(ctx, numberEvents, limited(limit), ports.EventCounter)
		if err != nil || taken == 0 {
			return err
		}
		n = int(taken)
		if _, err := c.exec(ctx, dropNumbered, taken); err != nil {
			return err
		}
		_, err = c.exec(ctx, "INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
			ports.EventCounter, taken)
		return err
	})
	return n, err
}

func (repo eventsRepository) After(ctx context.Context, position int64, limit int) (page []events.Numbered, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		page, err = list(ctx, c, numbered.scan, "SELECT "+numbered.columns+
			" FROM events WHERE position > ? ORDER BY position LIMIT ?", position, limited(limit))
		return err
	})
	return page, err
}

func (repo eventsRepository) At(ctx context.Context, positions ...int64) (found []events.Numbered, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		args := make([]any, len(positions))
		for i, position := range positions {
			args[i] = position
		}
		found, err = list(ctx, c, numbered.scan, "SELECT "+numbered.columns+
			" FROM events WHERE position IN ("+marksFor(len(positions))+") ORDER BY position", args...)
		return err
	})
	return found, err
}

func (repo eventsRepository) Trim(ctx context.Context, upTo int64, limit int) (trimmed int, err error) {
	err = repo.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, `DELETE FROM events WHERE position IN (SELECT position FROM events
			WHERE position <= ? AND NOT EXISTS (SELECT 1 FROM set_aside_events WHERE set_aside_events.position = events.position)
			ORDER BY position LIMIT ?)`, upTo, limited(limit))
		trimmed = int(n)
		return err
	})
	return trimmed, err
}

func (repo eventsRepository) Backlog(ctx context.Context) (b events.Backlog, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		b, err = find(ctx, c, func(r *row, b *events.Backlog) { b.Highest, b.Oldest = r.int(), r.time() },
			`SELECT coalesce((SELECT value FROM counters WHERE name = ?), 0),
				(SELECT created_at FROM outbox ORDER BY arrival LIMIT 1)`, ports.EventCounter)
		return err
	})
	return b, err
}
