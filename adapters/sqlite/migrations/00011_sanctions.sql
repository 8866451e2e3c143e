-- Admins sanction users. An account has the ends of its restriction and its suspension.

-- +goose Up

ALTER TABLE users ADD COLUMN restricted_until INTEGER;
ALTER TABLE users ADD COLUMN suspended_until INTEGER;

CREATE TABLE sanctions (
	id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
	user_id     BLOB    NOT NULL REFERENCES users (id),
	kind        TEXT    NOT NULL CHECK (kind IN ('warning', 'restricted', 'suspended')),
	reason      TEXT    NOT NULL,
	ends_at     INTEGER,
	created_by  BLOB    NOT NULL REFERENCES users (id),
	created_at  INTEGER NOT NULL,
	appeal      TEXT,
	appealed_at INTEGER,
	outcome     TEXT    CHECK (outcome IN ('upheld', 'lifted')),
	answer      TEXT,
	decided_by  BLOB    REFERENCES users (id),
	decided_at  INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX sanctions_of_user ON sanctions (user_id, created_at, id);
