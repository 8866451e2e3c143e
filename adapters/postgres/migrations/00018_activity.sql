-- A conversation has the time and id of its latest message, so that a page of somebody's conversations costs the same however
-- many they have. The application fills conversations from before in batches, and then sets done. A tool of your own can run
-- this file; if there are messages, postgres.Migrate or server migrate has to follow.

-- +goose Up

ALTER TABLE conversations
	ADD COLUMN latest_at timestamptz,
	ADD COLUMN latest_id uuid,
	ADD CONSTRAINT conversations_latest CHECK ((latest_at IS NULL) = (latest_id IS NULL));

CREATE INDEX conversations_of_voyager_by_activity ON conversations (voyager_id, coalesce(latest_at, created_at), id);
CREATE INDEX conversations_of_local_by_activity ON conversations (local_id, coalesce(latest_at, created_at), id);
DROP INDEX conversations_of_local; -- its columns are the first ones of the new index

CREATE TABLE conversation_activity (done boolean NOT NULL);
INSERT INTO conversation_activity SELECT NOT EXISTS (SELECT FROM messages);

INSERT INTO schema_versions (version) VALUES (18);
