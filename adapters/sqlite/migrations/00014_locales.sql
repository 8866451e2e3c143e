-- An account has the language of its user, and when its address was verified. Both are unknown for those from before.

-- +goose Up

ALTER TABLE users ADD COLUMN locale TEXT;
ALTER TABLE users ADD COLUMN email_verified_at INTEGER;
