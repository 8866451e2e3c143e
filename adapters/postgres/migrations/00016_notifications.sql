-- Users choose which mail they want: a preference is stored if it is not the default. Presences are when users were here
-- last. Notices are what is due for a user; one that is not due any more prevents another one.

-- +goose Up

CREATE TABLE notification_preferences (
	user_id uuid NOT NULL REFERENCES users (id),
	kind    text NOT NULL COLLATE "C",
	channel text NOT NULL CHECK (channel IN ('mail', 'none')),
	PRIMARY KEY (user_id, kind)
);

CREATE TABLE presences (
	user_id uuid        NOT NULL PRIMARY KEY REFERENCES users (id),
	seen_at timestamptz NOT NULL
);

CREATE TABLE notices (
	user_id    uuid        NOT NULL REFERENCES users (id),
	kind       text        NOT NULL COLLATE "C",
	subject_id uuid        NOT NULL,
	due_at     timestamptz,
	attempts   bigint      NOT NULL CHECK (attempts >= 0),
	created_at timestamptz NOT NULL,
	PRIMARY KEY (user_id, kind, subject_id)
);
CREATE INDEX notices_by_due ON notices (due_at, user_id, kind, subject_id) WHERE due_at IS NOT NULL;

INSERT INTO schema_versions (version) VALUES (16);
