-- A conversation has the time and id of its latest message, so that a page of somebody's conversations costs the same however
-- many they have. The application fills conversations from before in batches, and then sets done.

-- +goose Up

ALTER TABLE conversations ADD COLUMN latest_at INTEGER;
ALTER TABLE conversations ADD COLUMN latest_id BLOB;
ALTER TABLE conversations ADD COLUMN activity_at INTEGER GENERATED ALWAYS AS (coalesce(latest_at, created_at)) VIRTUAL;

CREATE INDEX conversations_of_voyager_by_activity ON conversations (voyager_id, activity_at, id);
CREATE INDEX conversations_of_local_by_activity ON conversations (local_id, activity_at, id);
DROP INDEX conversations_of_local; -- its columns are the first ones of the new index

CREATE TABLE conversation_activity (done INTEGER NOT NULL CHECK (done IN (0, 1))) STRICT;
INSERT INTO conversation_activity SELECT NOT EXISTS (SELECT 1 FROM messages);
