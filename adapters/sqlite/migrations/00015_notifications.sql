-- Users choose which mail they want: a preference is stored if it is not the default. Presences are when users were here
-- last. Notices are what is due for a user; one that is not due any more prevents another one.

-- +goose Up

CREATE TABLE notification_preferences (
	user_id BLOB NOT NULL REFERENCES users (id),
	kind    TEXT NOT NULL,
	channel TEXT NOT NULL CHECK (channel IN ('mail', 'none')),
	PRIMARY KEY (user_id, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE presences (
	user_id BLOB    NOT NULL PRIMARY KEY REFERENCES users (id),
	seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE notices (
	user_id    BLOB    NOT NULL REFERENCES users (id),
	kind       TEXT    NOT NULL,
	subject_id BLOB    NOT NULL,
	due_at     INTEGER,
	attempts   INTEGER NOT NULL CHECK (attempts >= 0),
	created_at INTEGER NOT NULL,
	PRIMARY KEY (user_id, kind, subject_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX notices_by_due ON notices (due_at, user_id, kind, subject_id) WHERE due_at IS NOT NULL;
