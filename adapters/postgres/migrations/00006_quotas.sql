-- Quotas count what a user opened or proposed in the last hours, and what is pending in a conversation.

-- +goose Up

CREATE INDEX conversations_of_voyager ON conversations (voyager_id, created_at);
CREATE INDEX reservations_of_creator ON reservations (creator_id, created_at);
CREATE INDEX reservations_pending ON reservations (conversation_id) WHERE status = 'pending';

INSERT INTO schema_versions (version) VALUES (6);
