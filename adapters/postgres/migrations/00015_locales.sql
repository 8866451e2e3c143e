-- An account has the language of its user, and when its address was verified. Both are unknown for those from before.

-- +goose Up

ALTER TABLE users ADD COLUMN locale text, ADD COLUMN email_verified_at timestamptz;

INSERT INTO schema_versions (version) VALUES (15);
