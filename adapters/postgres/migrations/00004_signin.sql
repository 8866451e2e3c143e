-- Several password resets of one user may be open. Those from before get their user's id as their own.

-- +goose Up

ALTER TABLE password_resets ADD COLUMN id uuid;
UPDATE password_resets SET id = user_id;
ALTER TABLE password_resets
	ALTER COLUMN id SET NOT NULL,
	DROP CONSTRAINT password_resets_pkey,
	ADD PRIMARY KEY (id);
CREATE INDEX password_resets_of_user ON password_resets (user_id, expires_at, id);

INSERT INTO schema_versions (version) VALUES (4);
