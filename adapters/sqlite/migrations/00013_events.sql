-- Use cases say what happened. Events wait in the outbox until a numbering gives them a position. Subscriptions are
-- where subscribers are in that order. An interest has a version, which orders its events.

-- +goose Up

ALTER TABLE interests ADD COLUMN version INTEGER NOT NULL DEFAULT 1;

-- A row has events that one unit added, in their order, as a JSON array: see events.Batch. So a unit writes one row, and
-- no index, for all that it says. arrival is the order in which units are committed, because there is one writer. A
-- number may be given again when no row has it any more.
CREATE TABLE outbox_batches (
	arrival INTEGER PRIMARY KEY,
	events  TEXT NOT NULL
) STRICT;

-- The events of the outbox, one by one. place is their order in a batch, from 0.
CREATE VIEW outbox AS SELECT
	arrival,
	key                     AS place,
	value ->> 0             AS aggregate,
	value ->> 1             AS seq,
	unhex(value ->> 2, '-') AS id,
	value ->> 3             AS type,
	value ->> 4             AS version,
	value ->> 5             AS created_at,
	value -> 6              AS data
FROM outbox_batches, json_each(outbox_batches.events);

CREATE TABLE events (
	position   INTEGER PRIMARY KEY CHECK (position >= 1),
	aggregate  TEXT    NOT NULL,
	seq        INTEGER NOT NULL,
	id         BLOB    NOT NULL CHECK (length(id) = 16),
	type       TEXT    NOT NULL,
	version    INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	data       TEXT    NOT NULL
) STRICT;

CREATE TABLE counters (
	name  TEXT    NOT NULL PRIMARY KEY,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE subscriptions (
	name       TEXT    NOT NULL PRIMARY KEY,
	position   INTEGER NOT NULL CHECK (position >= 0),
	state      TEXT    NOT NULL CHECK (state IN ('active', 'behind', 'off')),
	since      INTEGER NOT NULL,
	holder     TEXT,
	held_until INTEGER,
	attempts   INTEGER NOT NULL CHECK (attempts >= 0),
	retry_at   INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE set_aside_events (
	subscriber TEXT    NOT NULL REFERENCES subscriptions (name),
	position   INTEGER NOT NULL REFERENCES events (position),
	attempts   INTEGER NOT NULL CHECK (attempts >= 0),
	class      TEXT    NOT NULL,
	failed_at  INTEGER NOT NULL,
	state      TEXT    NOT NULL CHECK (state IN ('waiting', 'retry')),
	PRIMARY KEY (subscriber, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX set_aside_events_of_event ON set_aside_events (position);
CREATE INDEX set_aside_events_by_state ON set_aside_events (state, subscriber, position);
