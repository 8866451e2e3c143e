-- +goose Up

-- Several password resets of one user may be open. Those from before get their user's id as their own.
ALTER TABLE password_resets ADD COLUMN id uuid;
UPDATE password_resets SET id = user_id;
ALTER TABLE password_resets
	ALTER COLUMN id SET NOT NULL,
	DROP CONSTRAINT password_resets_pkey,
	ADD PRIMARY KEY (id);
CREATE INDEX password_resets_of_user ON password_resets (user_id, expires_at, id);

-- A refresh token counts its uses. Those that were used before lack the count, and are past their grace.
ALTER TABLE refresh_tokens ADD COLUMN uses bigint CHECK (uses > 0);

-- A session knows when it was last used, and where it began, which is unknown for those from before.
ALTER TABLE sessions
	ADD COLUMN last_used_at timestamptz,
	ADD COLUMN client       text,
	ADD COLUMN address      text;
UPDATE sessions SET last_used_at = greatest(created_at,
	(SELECT max(refresh_tokens.created_at) FROM refresh_tokens WHERE session_id = sessions.id));
ALTER TABLE sessions ALTER COLUMN last_used_at SET NOT NULL;
CREATE INDEX sessions_live ON sessions (user_id, created_at, id) WHERE revoked_at IS NULL;

INSERT INTO schema_versions (version) VALUES (4);
