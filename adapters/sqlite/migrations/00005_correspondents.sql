-- Who has written to whom in a conversation: a user whom another one wrote to sees their profile.

-- +goose Up

CREATE TABLE correspondents (
	user_id   BLOB NOT NULL REFERENCES users (id),
	reader_id BLOB NOT NULL REFERENCES users (id),
	PRIMARY KEY (user_id, reader_id),
	CHECK (user_id <> reader_id)
) STRICT, WITHOUT ROWID;

-- An index finds the first message of each participant, so this does not read all messages of most conversations.
INSERT INTO correspondents
	SELECT voyager_id, local_id FROM conversations
	WHERE EXISTS (SELECT 1 FROM messages WHERE conversation_id = conversations.id AND user_id = voyager_id)
	UNION
	SELECT local_id, voyager_id FROM conversations
	WHERE EXISTS (SELECT 1 FROM messages WHERE conversation_id = conversations.id AND user_id = local_id);
