-- Wrong passwords and requests for resets are counted, under HMACs of addresses and networks.

-- +goose Up

CREATE TABLE tries (
	hash       BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
	subject    BLOB    NOT NULL CHECK (length(subject) = 32),
	count      INTEGER NOT NULL CHECK (count >= 0),
	last_at    INTEGER,
	told       INTEGER NOT NULL CHECK (told IN (0, 1)),
	expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tries_of_subject ON tries (subject);
CREATE INDEX tries_by_expiry ON tries (expires_at, hash);
