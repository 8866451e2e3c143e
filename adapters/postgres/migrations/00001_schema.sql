-- The tables of core/README.md. They are made in the first schema of search_path, and this file can be run by any tool:
-- the last line notes that it was. What ends in _folded is the text beside it without regard to case, made by the
-- application; text that orders rows is compared by bytes (COLLATE "C"), whatever the database's own collation.

-- +goose Up

CREATE TABLE IF NOT EXISTS schema_versions (
	version    bigint      NOT NULL PRIMARY KEY,
	applied_at timestamptz NOT NULL DEFAULT now()
);

CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE TABLE users (
	id           uuid        NOT NULL PRIMARY KEY,
	name         text        NOT NULL,
	name_folded  text        NOT NULL COLLATE "C",
	email        text,
	email_folded text        COLLATE "C" CONSTRAINT users_email UNIQUE,
	password     text,
	bio          text,
	location     text,
	role         text        NOT NULL CHECK (role IN ('user', 'admin')),
	is_active    boolean     NOT NULL,
	erased       boolean     NOT NULL,
	version      bigint      NOT NULL CHECK (version >= 1),
	created_at   timestamptz NOT NULL,
	updated_at   timestamptz NOT NULL,
	CHECK ((email IS NULL) = (email_folded IS NULL))
);
CREATE INDEX users_by_time ON users (created_at, id);
CREATE INDEX users_admins ON users (created_at, id) WHERE role = 'admin';
CREATE INDEX users_inactive ON users (created_at, id) WHERE NOT is_active;
CREATE INDEX users_active_admins ON users (id) WHERE role = 'admin' AND is_active;

-- A part of a name or an address is found by its trigrams. The extension may stand in another schema, which the index
-- has to name.
-- +goose StatementBegin
DO $$
DECLARE home text;
BEGIN
	SELECT quote_ident(nspname) INTO STRICT home
	FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'pg_trgm';
	EXECUTE format('CREATE INDEX users_by_name ON users USING gin (name_folded %s.gin_trgm_ops)', home);
	EXECUTE format('CREATE INDEX users_by_email ON users USING gin (email_folded %s.gin_trgm_ops)', home);
END $$;
-- +goose StatementEnd

CREATE TABLE sessions (
	id         uuid        NOT NULL PRIMARY KEY,
	user_id    uuid        NOT NULL REFERENCES users (id),
	created_at timestamptz NOT NULL,
	revoked_at timestamptz
);
CREATE INDEX sessions_of_user ON sessions (user_id, created_at, id);

CREATE TABLE refresh_tokens (
	hash       bytea       NOT NULL PRIMARY KEY CHECK (octet_length(hash) = 32),
	session_id uuid        NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
	created_at timestamptz NOT NULL,
	expires_at timestamptz NOT NULL,
	used_at    timestamptz
);
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id, expires_at);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at, session_id);

CREATE TABLE password_resets (
	user_id    uuid        NOT NULL PRIMARY KEY REFERENCES users (id),
	hash       bytea       NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
	expires_at timestamptz NOT NULL
);

-- seq is the last that the wallet gave out. Its rows change all the time: there is room for the next version on each page.
CREATE TABLE wallets (
	id      uuid    NOT NULL UNIQUE,
	user_id uuid    NOT NULL PRIMARY KEY REFERENCES users (id),
	balance bigint  NOT NULL CONSTRAINT wallets_never_below_zero CHECK (balance BETWEEN 0 AND 9007199254740991),
	seq     bigint  NOT NULL CHECK (seq >= 0),
	closed  boolean NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE token_transactions (
	user_id        uuid        NOT NULL REFERENCES wallets (user_id),
	seq            bigint      NOT NULL CHECK (seq >= 1),
	id             uuid        NOT NULL UNIQUE,
	amount         bigint      NOT NULL,
	type           text        NOT NULL,
	reason         text        NOT NULL,
	metadata       jsonb       NOT NULL CHECK (jsonb_typeof(metadata) = 'object'),
	balance_before bigint      NOT NULL CHECK (balance_before >= 0),
	balance_after  bigint      NOT NULL CHECK (balance_after >= 0),
	created_at     timestamptz NOT NULL,
	PRIMARY KEY (user_id, seq),
	CHECK (amount = balance_after - balance_before),
	CHECK (CASE
		WHEN type IN ('SIGNUP_BONUS', 'PURCHASE', 'REFUND', 'ACTIVITY_RECEIPT', 'BONUS', 'DEPOSIT') THEN amount > 0
		WHEN type IN ('MESSAGE_SENT', 'ACTIVITY_PAYMENT', 'PENALTY', 'WITHDRAWAL') THEN amount < 0
		WHEN type = 'ADMIN_ADJUSTMENT' THEN amount <> 0
		ELSE false
	END)
);
CREATE UNIQUE INDEX token_transactions_one_signup_bonus ON token_transactions (user_id) WHERE type = 'SIGNUP_BONUS';

-- +goose StatementBegin
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
-- +goose StatementEnd
CREATE TRIGGER token_transactions_never_change BEFORE UPDATE OR DELETE ON token_transactions
	FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER token_transactions_never_go BEFORE TRUNCATE ON token_transactions
	FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE interests (
	id          uuid    NOT NULL PRIMARY KEY,
	name        text    NOT NULL,
	name_folded text    NOT NULL COLLATE "C" CONSTRAINT interests_name UNIQUE,
	icon        text,
	is_active   boolean NOT NULL
);
CREATE INDEX interests_by_name ON interests (name_folded, id);

CREATE TABLE profiles (
	id             uuid    NOT NULL PRIMARY KEY,
	user_id        uuid    NOT NULL UNIQUE REFERENCES users (id),
	first_name     text,
	last_name      text,
	age            integer CHECK (age BETWEEN 18 AND 120),
	biography      text,
	country        text,
	country_folded text    NOT NULL COLLATE "C",
	city           text,
	city_folded    text    NOT NULL COLLATE "C",
	image_url      text,
	is_searchable  boolean NOT NULL
);
-- A search reads these alone: what it filters by is in each of them.
CREATE INDEX profiles_searchable ON profiles (id) INCLUDE (user_id, age, country_folded, city_folded) WHERE is_searchable;
CREATE INDEX profiles_of_country ON profiles (country_folded, id) INCLUDE (age, city_folded) WHERE is_searchable;
CREATE INDEX profiles_of_city ON profiles (city_folded, id) INCLUDE (age, country_folded) WHERE is_searchable;
CREATE INDEX profiles_of_age ON profiles (age, id) WHERE is_searchable;

CREATE TABLE profile_interests (
	profile_id  uuid NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
	interest_id uuid NOT NULL REFERENCES interests (id),
	PRIMARY KEY (profile_id, interest_id)
);
CREATE INDEX profile_interests_of_interest ON profile_interests (interest_id, profile_id);

CREATE TABLE conversations (
	id         uuid        NOT NULL PRIMARY KEY,
	voyager_id uuid        NOT NULL REFERENCES users (id),
	local_id   uuid        NOT NULL REFERENCES users (id),
	created_at timestamptz NOT NULL,
	CONSTRAINT conversations_pair UNIQUE (voyager_id, local_id),
	UNIQUE (id, voyager_id, local_id), -- what reservations refer to
	CHECK (voyager_id <> local_id)
);
CREATE INDEX conversations_of_local ON conversations (local_id);

CREATE TABLE messages (
	id              uuid        NOT NULL PRIMARY KEY,
	conversation_id uuid        NOT NULL REFERENCES conversations (id),
	user_id         uuid        NOT NULL REFERENCES users (id),
	content         text        NOT NULL,
	attachment      text,
	read            boolean     NOT NULL,
	created_at      timestamptz NOT NULL
);
CREATE INDEX messages_of_conversation ON messages (conversation_id, created_at, id);
CREATE INDEX messages_of_user ON messages (user_id);
CREATE INDEX messages_unread ON messages (conversation_id, user_id, created_at, id) WHERE NOT read;

-- Images are packed already: what is long is kept as it is.
CREATE TABLE attachments (
	message_id uuid  NOT NULL PRIMARY KEY REFERENCES messages (id),
	media_type text  NOT NULL,
	bytes      bytea NOT NULL
);
ALTER TABLE attachments ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE reservations (
	id              uuid           NOT NULL PRIMARY KEY,
	conversation_id uuid           NOT NULL,
	voyager_id      uuid           NOT NULL,
	local_id        uuid           NOT NULL,
	creator_id      uuid           NOT NULL CHECK (creator_id IN (voyager_id, local_id)),
	title           text           NOT NULL,
	price           numeric(10, 2) NOT NULL CHECK (price >= 0),
	tokens          bigint         NOT NULL CHECK (tokens >= 0),
	date            timestamptz    NOT NULL,
	end_date        timestamptz    NOT NULL CHECK (end_date > date),
	status          text           NOT NULL CHECK (status IN ('pending', 'accepted', 'declined', 'cancelled', 'completed')),
	created_at      timestamptz    NOT NULL,
	updated_at      timestamptz    NOT NULL,
	FOREIGN KEY (conversation_id, voyager_id, local_id) REFERENCES conversations (id, voyager_id, local_id),
	-- A local's accepted reservations never overlap, whoever writes them: half open, one may start when another ends.
	CONSTRAINT reservations_never_overlap EXCLUDE USING gist
		(local_id WITH =, tstzrange(date, end_date, '[)') WITH &&) WHERE (status = 'accepted')
);
CREATE INDEX reservations_of_conversation ON reservations (conversation_id, created_at, id);
CREATE INDEX reservations_of_voyager ON reservations (voyager_id, created_at, id);
CREATE INDEX reservations_of_local ON reservations (local_id, created_at, id);
CREATE INDEX reservations_held ON reservations (voyager_id) INCLUDE (tokens) WHERE status = 'accepted';
CREATE INDEX reservations_due ON reservations (end_date, id) WHERE status = 'accepted';

CREATE TABLE reports (
	id               uuid        NOT NULL PRIMARY KEY,
	reporter_id      uuid        NOT NULL REFERENCES users (id),
	reported_user_id uuid        NOT NULL REFERENCES users (id),
	reason           text        NOT NULL,
	message          text,
	status           text        NOT NULL CHECK (status IN ('pending', 'reviewed', 'resolved', 'dismissed')),
	reviewed_by      uuid        REFERENCES users (id),
	admin_notes      text,
	reviewed_at      timestamptz,
	created_at       timestamptz NOT NULL,
	CHECK (reporter_id <> reported_user_id)
);
CREATE UNIQUE INDEX reports_one_pending ON reports (reporter_id, reported_user_id) WHERE status = 'pending';
CREATE INDEX reports_by_time ON reports (created_at, id);
CREATE INDEX reports_by_status ON reports (status, created_at, id);
CREATE INDEX reports_of_reporter ON reports (reporter_id, created_at, id);

CREATE TABLE blocks (
	user_id         uuid        NOT NULL REFERENCES users (id),
	blocked_user_id uuid        NOT NULL REFERENCES users (id),
	created_at      timestamptz NOT NULL,
	PRIMARY KEY (user_id, blocked_user_id),
	CHECK (user_id <> blocked_user_id)
);
CREATE INDEX blocks_of_user ON blocks (user_id, created_at, blocked_user_id);
CREATE INDEX blocks_of_blocked ON blocks (blocked_user_id, user_id);

CREATE TABLE audit_records (
	id         uuid        NOT NULL PRIMARY KEY,
	actor_id   uuid        REFERENCES users (id),
	action     text        NOT NULL,
	subject_id uuid        NOT NULL,
	reason     text,
	details    jsonb       NOT NULL CHECK (jsonb_typeof(details) = 'object'),
	created_at timestamptz NOT NULL
);
CREATE INDEX audit_records_by_time ON audit_records (created_at, id);
CREATE INDEX audit_records_of_subject ON audit_records (subject_id, created_at, id);
CREATE TRIGGER audit_records_never_change BEFORE UPDATE OR DELETE ON audit_records
	FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_records_never_go BEFORE TRUNCATE ON audit_records
	FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE idempotency_records (
	owner       text        NOT NULL COLLATE "C",
	key         text        NOT NULL COLLATE "C",
	fingerprint bytea       NOT NULL CHECK (octet_length(fingerprint) = 32),
	answer      bytea       NOT NULL,
	created_at  timestamptz NOT NULL,
	PRIMARY KEY (owner, key)
);
CREATE INDEX idempotency_records_by_time ON idempotency_records (created_at, owner, key);

CREATE TABLE store_marks (
	name       text        NOT NULL COLLATE "C" PRIMARY KEY,
	created_at timestamptz NOT NULL
);

INSERT INTO schema_versions (version) VALUES (1);
