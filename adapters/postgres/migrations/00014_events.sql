-- Use cases say what happened. Events wait in the outbox until a numbering gives them a position. Subscriptions are
-- where subscribers are in that order. An interest has a version, which orders its events.

-- +goose Up

ALTER TABLE interests ADD COLUMN version bigint NOT NULL DEFAULT 1;

-- A row has events that one unit added, in their order, as a JSON array: see events.Batch. So a unit writes one row, and
-- one entry of an index, for all that it says. arrival ascends in each aggregate with the commits: a unit gets it while
-- it holds the rows that give the seqs. Across aggregates it is only near the order of the commits. The table has few
-- rows and many changes, so dead ones go soon.
CREATE TABLE outbox_batches (
	arrival bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	events  json   NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);

-- The events of the outbox, one by one. place is their order in a batch, from 1.
CREATE VIEW outbox AS SELECT
	arrival,
	place,
	(value ->> 0) COLLATE "C" AS aggregate,
	(value ->> 1)::bigint     AS seq,
	(value ->> 2)::uuid       AS id,
	value ->> 3               AS type,
	(value ->> 4)::bigint     AS version,
	timestamptz 'epoch' + (value ->> 5)::bigint / 1000 * interval '1 second'
		+ (value ->> 5)::bigint % 1000 * interval '1 millisecond' AS created_at,
	(value -> 6)::jsonb       AS data
FROM outbox_batches, json_array_elements(outbox_batches.events) WITH ORDINALITY AS e (value, place);

CREATE TABLE events (
	position   bigint      NOT NULL PRIMARY KEY CHECK (position >= 1),
	aggregate  text        NOT NULL,
	seq        bigint      NOT NULL,
	id         uuid        NOT NULL,
	type       text        NOT NULL,
	version    bigint      NOT NULL,
	created_at timestamptz NOT NULL,
	data       jsonb       NOT NULL
);

CREATE TABLE counters (
	name  text   NOT NULL COLLATE "C" PRIMARY KEY,
	value bigint NOT NULL
);

CREATE TABLE subscriptions (
	name       text        NOT NULL COLLATE "C" PRIMARY KEY,
	position   bigint      NOT NULL CHECK (position >= 0),
	state      text        NOT NULL CHECK (state IN ('active', 'behind', 'off')),
	since      timestamptz NOT NULL,
	holder     text,
	held_until timestamptz,
	attempts   bigint      NOT NULL CHECK (attempts >= 0),
	retry_at   timestamptz
);

CREATE TABLE set_aside_events (
	subscriber text        NOT NULL COLLATE "C" REFERENCES subscriptions (name),
	position   bigint      NOT NULL REFERENCES events (position),
	attempts   bigint      NOT NULL CHECK (attempts >= 0),
	class      text        NOT NULL,
	failed_at  timestamptz NOT NULL,
	state      text        NOT NULL CHECK (state IN ('waiting', 'retry')),
	PRIMARY KEY (subscriber, position)
);
CREATE INDEX set_aside_events_of_event ON set_aside_events (position);
CREATE INDEX set_aside_events_by_state ON set_aside_events (state, subscriber, position);

INSERT INTO schema_versions (version) VALUES (14);
