-- Admins add endpoints of webhooks. Each has a subscription.

-- +goose Up

CREATE TABLE webhooks (
	id          uuid        NOT NULL PRIMARY KEY,
	url         text        NOT NULL,
	description text,
	types       text[]      NOT NULL,
	secret      bytea       NOT NULL,
	old_secret  bytea       NOT NULL,
	old_until   timestamptz,
	created_at  timestamptz NOT NULL,
	updated_at  timestamptz NOT NULL
);

INSERT INTO schema_versions (version) VALUES (17);
