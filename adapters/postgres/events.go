package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/ports"
)

var (
	outbox   = tableOf(ports.OutboxLayout)
	numbered = tableOf(ports.EventLayout)

	eventColumns = statement(strings.Join(outbox.names, ", "))
)

// numberEvents moves the first events, up to limit, and returns their number. It drops the batches that
// it takes whole, and cuts the last one if it takes a part of it. It finds both by their keys, because
// the table has far more dead rows than others. The unit holds the counter, so no other one takes them.
func numberEvents(limit int) statement {
	most := literal(limit)
	return `WITH taken AS MATERIALIZED (
			SELECT row_number() OVER (ORDER BY arrival, place) AS n, first.* FROM (
				SELECT arrival, place, ` + eventColumns + ` FROM @outbox ORDER BY arrival, place LIMIT ` + most + `) AS first
		), part AS MATERIALIZED (
			SELECT arrival, place AS last FROM taken
			WHERE n = ` + most + ` AND (SELECT json_array_length(events) FROM @outbox_batches AS b WHERE b.arrival = taken.arrival) > place
		), dropped AS (
			DELETE FROM @outbox_batches
			WHERE arrival = ANY(ARRAY(SELECT arrival FROM taken WHERE place = 1 AND arrival IS DISTINCT FROM (SELECT arrival FROM part)))
		), cut AS (
			UPDATE @outbox_batches AS b
			SET events = (SELECT json_agg(value ORDER BY place) FROM json_array_elements(b.events) WITH ORDINALITY AS e (value, place)
				WHERE place > (SELECT last FROM part))
			WHERE arrival = (SELECT arrival FROM part)
		), placed AS (
			INSERT INTO @events (position, ` + eventColumns + `)
			SELECT (SELECT value FROM @counters WHERE name = $1) + n, ` + eventColumns + ` FROM taken
		) UPDATE @counters SET value = value + total.n FROM (SELECT count(*) AS n FROM taken) AS total
		WHERE name = $1 AND total.n > 0 RETURNING total.n`
}

const (
	insertBatch = "INSERT INTO @outbox_batches (events) VALUES ($1)"

	// repeatedKeys asks for two events of the outbox with one key, which no index finds.
	repeatedKeys = "SELECT EXISTS (SELECT 1 FROM @outbox GROUP BY aggregate, seq, id HAVING count(*) > 1)"

	// maxInBatch bounds the events of one row of the outbox.
	maxInBatch = 64
)

type eventsRepository struct{ *unit }

// Add keeps the events until the next question or the commit, which take them along.
func (repo eventsRepository) Add(ctx context.Context, all ...events.Event) error {
	return repo.write(ctx, func(c *conn) error {
		c.added = append(c.added, all...)
		return nil
	})
}

// writeOutbox writes rows of the outbox, which Check has accepted.
func (c *conn) writeOutbox(ctx context.Context, rows []ports.Row) error {
	for _, row := range rows {
		e, err := ports.OutboxLayout.Value(row)
		if err != nil {
			return err
		}
		c.added = append(c.added, e)
	}
	repeated, err := find(ctx, c, value((*row).bool), repeatedKeys)
	if err == nil && repeated {
		err = broken(errors.New("the key of an event exists"))
	}
	return err
}

// Number holds the counter in a statement before the one that takes events, so that this sees what
// the last holder committed. Both go out together.
func (repo eventsRepository) Number(ctx context.Context, limit int) (n int, err error) {
	err = repo.write(ctx, func(c *conn) error {
		c.later("INSERT INTO @counters (name, value) VALUES ($1, 0) ON CONFLICT (name) DO NOTHING", ports.EventCounter)
		c.later("SELECT value FROM @counters WHERE name = $1 FOR NO KEY UPDATE", ports.EventCounter)
		return c.byIndex(func() error {
			taken, err := find(ctx, c, value((*row).int), numberEvents(limit), ports.EventCounter)
			if n = int(taken); errors.Is(err, errNone) {
				return nil
			}
			return err
		})
	})
	return n, err
}

// byIndex asks a question about the outbox, while the server prefers indexes in its plans. The outbox
// is short when a plan is made, and has many dead rows while the plan is kept: to read all of its
// pages would take longest when the server is busiest. In a host's transaction nothing is set.
func (c *conn) byIndex(ask func() error) error {
	if c.lease == nil {
		return ask()
	}
	c.later("SELECT set_config('enable_seqscan', 'off', true)")
	err := ask()
	if c.frame.begin != "" { // or else the transaction has ended
		c.later("SET LOCAL enable_seqscan TO DEFAULT")
	}
	return err
}

func (repo eventsRepository) After(ctx context.Context, position int64, limit int) (page []events.Numbered, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		page, err = list(ctx, c, numbered.scan, "SELECT "+numbered.columns+
			" FROM @events WHERE position > (SELECT $1::bigint) ORDER BY position "+firstOf(limit), position)
		return err
	})
	return page, err
}

func (repo eventsRepository) At(ctx context.Context, positions ...int64) (found []events.Numbered, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		found, err = list(ctx, c, numbered.scan, "SELECT "+numbered.columns+
			" FROM @events WHERE position "+oneOf("$1", "bigint")+" ORDER BY position", notNil(positions))
		return err
	})
	return found, err
}

func (repo eventsRepository) Trim(ctx context.Context, upTo int64, limit int) (trimmed int, err error) {
	err = repo.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, `DELETE FROM @events WHERE position = ANY(ARRAY(SELECT position FROM @events
			WHERE position <= (SELECT $1::bigint)
				AND NOT EXISTS (SELECT 1 FROM @set_aside_events WHERE set_aside_events.position = events.position)
			ORDER BY position `+firstOf(limit)+` FOR UPDATE SKIP LOCKED))`, upTo)
		trimmed = int(n)
		return err
	})
	return trimmed, err
}

func (repo eventsRepository) Backlog(ctx context.Context) (b events.Backlog, err error) {
	err = repo.read(ctx, func(c *conn) error {
		return c.byIndex(func() (err error) {
			b, err = find(ctx, c, func(r *row, b *events.Backlog) { b.Highest, b.Oldest = r.int(), r.time() },
				`SELECT coalesce((SELECT value FROM @counters WHERE name = $1), 0),
					(SELECT created_at FROM @outbox ORDER BY arrival, place LIMIT 1)`, ports.EventCounter)
			return err
		})
	})
	return b, err
}
