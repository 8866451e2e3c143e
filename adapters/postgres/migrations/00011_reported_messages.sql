-- A report may have copies of a message and of the two before it. Admins see how many reports there are about a user.

-- +goose Up

ALTER TABLE reports ADD COLUMN message_id uuid;
CREATE INDEX reports_of_reported ON reports (reported_user_id, created_at, id);

-- The message need not exist: the copy stands for itself.
CREATE TABLE reported_messages (
	report_id  uuid        NOT NULL REFERENCES reports (id),
	message_id uuid        NOT NULL,
	user_id    uuid        NOT NULL REFERENCES users (id),
	content    text        NOT NULL,
	attachment text,
	created_at timestamptz NOT NULL,
	PRIMARY KEY (report_id, message_id)
);

INSERT INTO schema_versions (version) VALUES (11);
