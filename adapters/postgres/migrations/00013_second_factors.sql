-- Users may have a second factor. An account says whether it is active, and a session whether it was opened with it.

-- +goose Up

ALTER TABLE users ADD COLUMN second_factor boolean NOT NULL DEFAULT false;
ALTER TABLE users ALTER COLUMN second_factor DROP DEFAULT;
ALTER TABLE sessions ADD COLUMN second_factor boolean NOT NULL DEFAULT false;
ALTER TABLE sessions ALTER COLUMN second_factor DROP DEFAULT;

CREATE TABLE second_factors (
	user_id        uuid   NOT NULL PRIMARY KEY REFERENCES users (id),
	secret         bytea  NOT NULL,
	last_step      bigint NOT NULL,
	recovery_codes text[] NOT NULL
);

INSERT INTO schema_versions (version) VALUES (13);
