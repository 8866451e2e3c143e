-- Wrong passwords and requests for resets are counted, under HMACs of addresses and networks.

-- +goose Up

CREATE TABLE tries (
	hash       bytea       NOT NULL PRIMARY KEY CHECK (octet_length(hash) = 32),
	subject    bytea       NOT NULL CHECK (octet_length(subject) = 32),
	count      bigint      NOT NULL CHECK (count >= 0),
	last_at    timestamptz,
	told       boolean     NOT NULL,
	expires_at timestamptz NOT NULL
);
CREATE INDEX tries_of_subject ON tries (subject);
CREATE INDEX tries_by_expiry ON tries (expires_at, hash);

INSERT INTO schema_versions (version) VALUES (9);
