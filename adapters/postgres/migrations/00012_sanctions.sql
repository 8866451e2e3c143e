-- Admins sanction users. An account has the ends of its restriction and its suspension.

-- +goose Up

ALTER TABLE users ADD COLUMN restricted_until timestamptz, ADD COLUMN suspended_until timestamptz;

CREATE TABLE sanctions (
	id          uuid        NOT NULL PRIMARY KEY,
	user_id     uuid        NOT NULL REFERENCES users (id),
	kind        text        NOT NULL CHECK (kind IN ('warning', 'restricted', 'suspended')),
	reason      text        NOT NULL,
	ends_at     timestamptz,
	created_by  uuid        NOT NULL REFERENCES users (id),
	created_at  timestamptz NOT NULL,
	appeal      text,
	appealed_at timestamptz,
	outcome     text        CHECK (outcome IN ('upheld', 'lifted')),
	answer      text,
	decided_by  uuid        REFERENCES users (id),
	decided_at  timestamptz
);
CREATE INDEX sanctions_of_user ON sanctions (user_id, created_at, id);

INSERT INTO schema_versions (version) VALUES (12);
