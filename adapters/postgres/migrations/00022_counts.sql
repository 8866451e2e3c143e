-- A conversation has the number of messages that each participant sent, and the number of the other's messages that each has
-- read. So a page of somebody's conversations counts no messages, and a message is sent without counting those before it. No
-- index has these columns. The application fills conversations from before in batches, and then sets done. A tool of your own can
-- run this file; if there are messages, postgres.Migrate or server migrate has to follow.

-- +goose Up

ALTER TABLE conversations
	ADD COLUMN voyager_sent bigint NOT NULL DEFAULT 0,
	ADD COLUMN local_sent   bigint NOT NULL DEFAULT 0,
	ADD COLUMN voyager_read bigint NOT NULL DEFAULT 0,
	ADD COLUMN local_read   bigint NOT NULL DEFAULT 0,
	ADD CONSTRAINT conversations_counts CHECK (voyager_read BETWEEN 0 AND local_sent AND local_read BETWEEN 0 AND voyager_sent);

CREATE TABLE conversation_counts (done boolean NOT NULL);
INSERT INTO conversation_counts SELECT NOT EXISTS (SELECT FROM messages);

INSERT INTO schema_versions (version) VALUES (22);
