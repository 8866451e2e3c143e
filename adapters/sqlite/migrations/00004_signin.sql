-- +goose Up

-- Several password resets of one user may be open. Those from before get their user's id as their own.
CREATE TABLE open_resets (
	id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
	user_id    BLOB    NOT NULL REFERENCES users (id),
	hash       BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
	expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO open_resets (id, user_id, hash, expires_at) SELECT user_id, user_id, hash, expires_at FROM password_resets;
DROP TABLE password_resets;
ALTER TABLE open_resets RENAME TO password_resets;
CREATE INDEX password_resets_of_user ON password_resets (user_id, expires_at, id);

-- A refresh token counts its uses. Those that were used before lack the count, and are past their grace.
ALTER TABLE refresh_tokens ADD COLUMN uses INTEGER CHECK (uses > 0);

-- A session knows when it was last used, and where it began, which is unknown for those from before.
CREATE TABLE sessions_again (
	id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
	user_id      BLOB    NOT NULL REFERENCES users (id),
	created_at   INTEGER NOT NULL,
	last_used_at INTEGER NOT NULL,
	client       TEXT,
	address      TEXT,
	revoked_at   INTEGER
) STRICT, WITHOUT ROWID;
INSERT INTO sessions_again (id, user_id, created_at, last_used_at, revoked_at)
	SELECT id, user_id, created_at, max(created_at,
		coalesce((SELECT max(t.created_at) FROM refresh_tokens t WHERE t.session_id = sessions.id), created_at)), revoked_at
	FROM sessions;
DROP TABLE sessions;
ALTER TABLE sessions_again RENAME TO sessions;
CREATE INDEX sessions_of_user ON sessions (user_id, created_at, id);
CREATE INDEX sessions_live ON sessions (user_id, created_at, id) WHERE revoked_at IS NULL;
