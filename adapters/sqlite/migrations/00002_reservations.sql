-- Pending reservations expire. Admins list all reservations, and users list their own by date. SQLite cannot change
-- the condition on the status, so the table is made again: its rows are copied, and its indexes and triggers are made
-- again.

-- +goose Up

CREATE TABLE reservations_rebuilt (
	id              BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
	conversation_id BLOB    NOT NULL,
	voyager_id      BLOB    NOT NULL,
	local_id        BLOB    NOT NULL,
	creator_id      BLOB    NOT NULL CHECK (creator_id IN (voyager_id, local_id)),
	title           TEXT    NOT NULL,
	price           INTEGER NOT NULL CHECK (price BETWEEN 0 AND 9999999999),
	tokens          INTEGER NOT NULL CHECK (tokens >= 0),
	date            INTEGER NOT NULL,
	end_date        INTEGER NOT NULL CHECK (end_date > date),
	status          TEXT    NOT NULL CHECK (status IN ('pending', 'accepted', 'declined', 'cancelled', 'completed', 'expired')),
	created_at      INTEGER NOT NULL,
	updated_at      INTEGER NOT NULL,
	FOREIGN KEY (conversation_id, voyager_id, local_id) REFERENCES conversations (id, voyager_id, local_id)
) STRICT, WITHOUT ROWID;

INSERT INTO reservations_rebuilt SELECT * FROM reservations;
DROP TABLE reservations;
ALTER TABLE reservations_rebuilt RENAME TO reservations;

CREATE INDEX reservations_of_conversation ON reservations (conversation_id, created_at, id);
CREATE INDEX reservations_of_voyager ON reservations (voyager_id, created_at, id);
CREATE INDEX reservations_of_local ON reservations (local_id, created_at, id);
CREATE INDEX reservations_calendar ON reservations (local_id, date, end_date) WHERE status = 'accepted';
CREATE INDEX reservations_held ON reservations (voyager_id, tokens) WHERE status = 'accepted';
CREATE INDEX reservations_due ON reservations (end_date, id) WHERE status = 'accepted';
CREATE INDEX reservations_lapsing ON reservations (date, id) WHERE status = 'pending';
CREATE INDEX reservations_by_time ON reservations (created_at, id);
CREATE INDEX reservations_by_status ON reservations (status, created_at, id);
CREATE INDEX reservations_of_voyager_by_date ON reservations (voyager_id, date, id);
CREATE INDEX reservations_of_local_by_date ON reservations (local_id, date, id);

-- A local's accepted reservations never overlap, whoever writes them: half open, one may start when another ends.
-- +goose StatementBegin
CREATE TRIGGER reservations_overlap_when_added BEFORE INSERT ON reservations WHEN NEW.status = 'accepted'
BEGIN
	SELECT raise(ABORT, 'accepted reservations of one local do not overlap') WHERE EXISTS (
		SELECT 1 FROM reservations
		WHERE status = 'accepted' AND local_id = NEW.local_id AND date < NEW.end_date AND end_date > NEW.date);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER reservations_overlap_when_changed BEFORE UPDATE ON reservations WHEN NEW.status = 'accepted'
BEGIN
	SELECT raise(ABORT, 'accepted reservations of one local do not overlap') WHERE EXISTS (
		SELECT 1 FROM reservations
		WHERE status = 'accepted' AND local_id = NEW.local_id AND date < NEW.end_date AND end_date > NEW.date
			AND id <> OLD.id);
END;
-- +goose StatementEnd
