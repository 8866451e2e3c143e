-- Admins add endpoints of webhooks. Each has a subscription.

-- +goose Up

CREATE TABLE webhooks (
	id          BLOB    NOT NULL PRIMARY KEY,
	url         TEXT    NOT NULL,
	description TEXT,
	types       TEXT    NOT NULL,
	secret      BLOB    NOT NULL,
	old_secret  BLOB    NOT NULL,
	old_until   INTEGER,
	created_at  INTEGER NOT NULL,
	updated_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
