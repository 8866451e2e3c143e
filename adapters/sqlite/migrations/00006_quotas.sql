-- Quotas count what a user opened or proposed in the last hours, and what is pending in a conversation.
--
-- From this version on, what is removed is overwritten in the file. The rows of before are written to the file again, without
-- what was removed earlier. That cannot be done in a transaction; each statement may run again.

-- +goose NO TRANSACTION
-- +goose Up

CREATE INDEX IF NOT EXISTS conversations_of_voyager ON conversations (voyager_id, created_at);
CREATE INDEX IF NOT EXISTS reservations_of_creator ON reservations (creator_id, created_at);
CREATE INDEX IF NOT EXISTS reservations_pending ON reservations (conversation_id) WHERE status = 'pending';
VACUUM;
