-- A report may have copies of a message and of the two before it. Admins see how many reports there are about a user.

-- +goose Up

ALTER TABLE reports ADD COLUMN message_id BLOB CHECK (length(message_id) = 16);
CREATE INDEX reports_of_reported ON reports (reported_user_id, created_at, id);

-- The message need not exist: the copy stands for itself.
CREATE TABLE reported_messages (
	report_id  BLOB    NOT NULL REFERENCES reports (id),
	message_id BLOB    NOT NULL CHECK (length(message_id) = 16),
	user_id    BLOB    NOT NULL REFERENCES users (id),
	content    TEXT    NOT NULL,
	attachment TEXT,
	created_at INTEGER NOT NULL,
	PRIMARY KEY (report_id, message_id)
) STRICT, WITHOUT ROWID;
