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

INSERT INTO schema_versions (version) VALUES (4);
