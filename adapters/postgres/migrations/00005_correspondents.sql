-- Who has written to whom in a conversation: a user whom another one wrote to sees their profile.

-- +goose Up

CREATE TABLE correspondents (
	user_id   uuid NOT NULL REFERENCES users (id),
	reader_id uuid NOT NULL REFERENCES users (id),
	PRIMARY KEY (user_id, reader_id),
	CHECK (user_id <> reader_id)
);
CREATE INDEX correspondents_of_reader ON correspondents (reader_id, user_id);

-- An index finds the first message of each participant, so this does not read all messages of most conversations.
INSERT INTO correspondents
	SELECT voyager_id, local_id FROM conversations
	WHERE EXISTS (SELECT FROM messages WHERE conversation_id = conversations.id AND user_id = voyager_id)
	UNION
	SELECT local_id, voyager_id FROM conversations
	WHERE EXISTS (SELECT FROM messages WHERE conversation_id = conversations.id AND user_id = local_id);

INSERT INTO schema_versions (version) VALUES (5);
