package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/ports"
)

var (
	outbox   = tableOf(ports.OutboxLayout)
	numbered = tableOf(ports.EventLayout)

	eventColumns = strings.Join(outbox.names, ", ")

	// numberEvents gives positions to the events that were added first. It takes no more batches apart
	// than it needs, and reads the text of an event once, where the view outbox reads it for each
	// column.
	numberEvents = `WITH first AS MATERIALIZED (
			SELECT arrival, key AS place, value
			FROM (SELECT * FROM outbox_batches ORDER BY arrival LIMIT +?1) AS batches, json_each(batches.events)
			ORDER BY arrival, key LIMIT +?1)
		INSERT INTO events (position, ` + eventColumns + `)
		SELECT coalesce((SELECT value FROM counters WHERE name = ?2), 0) + row_number() OVER (ORDER BY arrival, place),
			value ->> 0, value ->> 1, unhex(value ->> 2, '-'), value ->> 3, value ->> 4, value ->> 5, value -> 6
		FROM first`

	readAfter = "SELECT " + numbered.columns + " FROM events WHERE position > ? ORDER BY position LIMIT +?"
)

const (
	// dropNumbered drops the batches of which all events are among the first ?1, and returns how
	// many they have.
	dropNumbered = `DELETE FROM outbox_batches WHERE arrival IN (SELECT arrival FROM (
			SELECT arrival, sum(json_array_length(events)) OVER (ORDER BY arrival) AS events_up_to_it
			FROM (SELECT * FROM outbox_batches ORDER BY arrival LIMIT +?1)
		) WHERE events_up_to_it <= ?1) RETURNING json_array_length(events)`

	// cutNumbered drops the first ?1 events of the first batch.
	cutNumbered = `UPDATE outbox_batches
		SET events = (SELECT json_group_array(json(value) ORDER BY key) FROM json_each(outbox_batches.events) WHERE key >= ?1)
		WHERE arrival = (SELECT min(arrival) FROM outbox_batches)`

	// repeatedKeys asks for two events of the outbox with one key, which no index finds.
	repeatedKeys = "SELECT EXISTS (SELECT 1 FROM outbox GROUP BY aggregate, seq, id HAVING count(*) > 1)"

	insertBatch = "INSERT INTO outbox_batches (events) VALUES (?)"

	// maxInBatch bounds the events of one row of the outbox.
	maxInBatch = 64
)

type eventsRepository struct{ *unit }

// Add keeps the events until the unit ends or reads the outbox: see flush.
func (repo eventsRepository) Add(ctx context.Context, all ...events.Event) error {
	return repo.write(ctx, func(*conn) error {
		repo.added = append(repo.added, all...)
		return nil
	})
}

// flush writes the events that were added.
func (u *unit) flush(ctx context.Context) error {
	for some := range slices.Chunk(u.added, maxInBatch) {
		if _, err := u.conn.exec(ctx, insertBatch, events.Batch(some)); err != nil {
			return fmt.Errorf("add events: %w", err)
		}
	}
	u.added = nil
	return nil
}

// writeOutbox writes rows of the outbox, which Check has accepted.
func (u *unit) writeOutbox(ctx context.Context, rows []ports.Row) error {
	for _, row := range rows {
		e, err := ports.OutboxLayout.Value(row)
		if err != nil {
			return err
		}
		u.added = append(u.added, e)
	}
	if err := u.flush(ctx); err != nil {
		return err
	}
	repeated, err := find(ctx, u.conn, value((*row).bool), repeatedKeys)
	if err == nil && repeated {
		err = broken(errors.New("the key of an event exists"))
	}
	return err
}

func (repo eventsRepository) Number(ctx context.Context, limit int) (n int, err error) {
	err = repo.write(ctx, func(c *conn) error {
		if err := repo.flush(ctx); err != nil {
			return err
		}
		taken, err := c.exec(ctx, numberEvents, limited(limit), ports.EventCounter)
		if err != nil || taken == 0 {
			return err
		}
		n = int(taken)
		left := taken
		if err := c.query(ctx, func(r *row) { left -= r.int() }, dropNumbered, taken); err != nil {
			return err
		}
		if left > 0 {
			if _, err := c.exec(ctx, cutNumbered, left); err != nil {
				return err
			}
		}
		_, err = c.exec(ctx, "INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
			ports.EventCounter, taken)
		return err
	})
	return n, err
}

func (repo eventsRepository) After(ctx context.Context, position int64, limit int) (page []events.Numbered, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		page, err = list(ctx, c, numbered.scan, readAfter, position, limited(limit))
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
			ORDER BY position LIMIT +?)`, upTo, limited(limit))
		trimmed = int(n)
		return err
	})
	return trimmed, err
}

func (repo eventsRepository) Backlog(ctx context.Context) (b events.Backlog, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		if err := repo.flush(ctx); err != nil {
			return err
		}
		b, err = find(ctx, c, func(r *row, b *events.Backlog) { b.Highest, b.Oldest = r.int(), r.time() },
			`SELECT coalesce((SELECT value FROM counters WHERE name = ?), 0),
				(SELECT events ->> '$[0][5]' FROM outbox_batches ORDER BY arrival LIMIT 1)`, ports.EventCounter)
		return err
	})
	return b, err
}
