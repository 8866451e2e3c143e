-- Users may have a second factor. An account says whether it is active, and a session whether it was opened with it.

-- +goose Up

ALTER TABLE users ADD COLUMN second_factor INTEGER NOT NULL DEFAULT 0 CHECK (second_factor IN (0, 1));
ALTER TABLE sessions ADD COLUMN second_factor INTEGER NOT NULL DEFAULT 0 CHECK (second_factor IN (0, 1));

CREATE TABLE second_factors (
	user_id        BLOB    NOT NULL PRIMARY KEY REFERENCES users (id),
	secret         BLOB    NOT NULL,
	last_step      INTEGER NOT NULL,
	recovery_codes TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
