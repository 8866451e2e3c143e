-- The tables of core/README.md. Identifiers are the 16 bytes of a UUID, times are milliseconds since 1970 in UTC,
-- prices are cents, truth is 0 or 1. What ends in _folded is the text beside it without regard to case, made by
-- the application. Keys compare by bytes, so rows are read in the order that ports.Rows asks for.

-- +goose Up

CREATE TABLE users (
	id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
	name         TEXT    NOT NULL,
	name_folded  TEXT    NOT NULL,
	email        TEXT,
	email_folded TEXT    UNIQUE,
	password     TEXT,
	bio          TEXT,
	location     TEXT,
	role         TEXT    NOT NULL CHECK (role IN ('user', 'admin')),
	is_active    INTEGER NOT NULL CHECK (is_active IN (0, 1)),
	erased       INTEGER NOT NULL CHECK (erased IN (0, 1)),
	version      INTEGER NOT NULL CHECK (version >= 1),
	created_at   INTEGER NOT NULL,
	updated_at   INTEGER NOT NULL,
	CHECK ((email IS NULL) = (email_folded IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX users_by_time ON users (created_at, id);
CREATE INDEX users_active_admins ON users (id) WHERE role = 'admin' AND is_active = 1;

CREATE TABLE sessions (
	id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
	user_id    BLOB    NOT NULL REFERENCES users (id),
	created_at INTEGER NOT NULL,
	revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of_user ON sessions (user_id, created_at, id);

CREATE TABLE refresh_tokens (
	hash       BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
	session_id BLOB    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
	created_at INTEGER NOT NULL,
	expires_at INTEGER NOT NULL,
	used_at    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id, expires_at);

CREATE TABLE password_resets (
	user_id    BLOB    NOT NULL PRIMARY KEY REFERENCES users (id),
	hash       BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
	expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- seq is the last that the wallet gave out.
CREATE TABLE wallets (
	id      BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
	user_id BLOB    NOT NULL PRIMARY KEY REFERENCES users (id),
	balance INTEGER NOT NULL CHECK (balance BETWEEN 0 AND 9007199254740991),
	seq     INTEGER NOT NULL CHECK (seq >= 0),
	closed  INTEGER NOT NULL CHECK (closed IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE token_transactions (
	user_id        BLOB    NOT NULL REFERENCES wallets (user_id),
	seq            INTEGER NOT NULL CHECK (seq >= 1),
	id             BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
	amount         INTEGER NOT NULL,
	type           TEXT    NOT NULL,
	reason         TEXT    NOT NULL,
	metadata       TEXT    NOT NULL CHECK (json_type(metadata) = 'object'),
	balance_before INTEGER NOT NULL CHECK (balance_before >= 0),
	balance_after  INTEGER NOT NULL CHECK (balance_after >= 0),
	created_at     INTEGER NOT NULL,
	PRIMARY KEY (user_id, seq),
	CHECK (amount = balance_after - balance_before),
	CHECK (CASE
		WHEN type IN ('SIGNUP_BONUS', 'PURCHASE', 'REFUND', 'ACTIVITY_RECEIPT', 'BONUS', 'DEPOSIT') THEN amount > 0
		WHEN type IN ('MESSAGE_SENT', 'ACTIVITY_PAYMENT', 'PENALTY', 'WITHDRAWAL') THEN amount < 0
		WHEN type = 'ADMIN_ADJUSTMENT' THEN amount <> 0
		ELSE 0
	END)
) STRICT, WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER token_transactions_never_change BEFORE UPDATE ON token_transactions
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER token_transactions_never_go BEFORE DELETE ON token_transactions
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
-- +goose StatementEnd

CREATE TABLE interests (
	id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
	name        TEXT    NOT NULL,
	name_folded TEXT    NOT NULL UNIQUE,
	icon        TEXT,
	is_active   INTEGER NOT NULL CHECK (is_active IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE profiles (
	id             BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
	user_id        BLOB    NOT NULL UNIQUE REFERENCES users (id),
	first_name     TEXT,
	last_name      TEXT,
	age            INTEGER CHECK (age BETWEEN 18 AND 120),
	biography      TEXT,
	country        TEXT,
	country_folded TEXT    NOT NULL,
	city           TEXT,
	city_folded    TEXT    NOT NULL,
	image_url      TEXT,
	is_searchable  INTEGER NOT NULL CHECK (is_searchable IN (0, 1))
) STRICT, WITHOUT ROWID;
CREATE INDEX profiles_searchable ON profiles (country_folded, city_folded) WHERE is_searchable = 1;

CREATE TABLE profile_interests (
	profile_id  BLOB NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
	interest_id BLOB NOT NULL REFERENCES interests (id),
	PRIMARY KEY (profile_id, interest_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX profile_interests_of_interest ON profile_interests (interest_id, profile_id);

CREATE TABLE conversations (
	id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
	voyager_id BLOB    NOT NULL REFERENCES users (id),
	local_id   BLOB    NOT NULL REFERENCES users (id),
	created_at INTEGER NOT NULL,
	UNIQUE (voyager_id, local_id),
	UNIQUE (id, voyager_id, local_id), -- what reservations refer to
	CHECK (voyager_id <> local_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX conversations_of_local ON conversations (local_id);

CREATE TABLE messages (
	id              BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
	conversation_id BLOB    NOT NULL REFERENCES conversations (id),
	user_id         BLOB    NOT NULL REFERENCES users (id),
	content         TEXT    NOT NULL,
	attachment      TEXT,
	read            INTEGER NOT NULL CHECK (read IN (0, 1)),
	created_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX messages_of_conversation ON messages (conversation_id, created_at, id);
CREATE INDEX messages_of_user ON messages (user_id);
CREATE INDEX messages_unread ON messages (conversation_id, user_id, created_at, id) WHERE read = 0;

CREATE TABLE attachments (
	message_id BLOB NOT NULL PRIMARY KEY REFERENCES messages (id),
	media_type TEXT NOT NULL,
	bytes      BLOB NOT NULL
) STRICT;

CREATE TABLE reservations (
	id              BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
	conversation_id BLOB    NOT NULL,
	voyager_id      BLOB    NOT NULL,
	local_id        BLOB    NOT NULL,
	creator_id      BLOB    NOT NULL CHECK (creator_id IN (voyager_id, local_id)),
	title           TEXT    NOT NULL,
	price           INTEGER NOT NULL CHECK (price BETWEEN 0 AND 9999999999),
	tokens          INTEGER NOT NULL CHECK (tokens >= 0),
	date            INTEGER NOT NULL,
	end_date        INTEGER NOT NULL CHECK (end_date > date),
	status          TEXT    NOT NULL CHECK (status IN ('pending', 'accepted', 'declined', 'cancelled', 'completed')),
	created_at      INTEGER NOT NULL,
	updated_at      INTEGER NOT NULL,
	FOREIGN KEY (conversation_id, voyager_id, local_id) REFERENCES conversations (id, voyager_id, local_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX reservations_of_conversation ON reservations (conversation_id, created_at, id);
CREATE INDEX reservations_of_voyager ON reservations (voyager_id, created_at, id);
CREATE INDEX reservations_of_local ON reservations (local_id, created_at, id);
CREATE INDEX reservations_calendar ON reservations (local_id, date, end_date) WHERE status = 'accepted';
CREATE INDEX reservations_held ON reservations (voyager_id, tokens) WHERE status = 'accepted';
CREATE INDEX reservations_due ON reservations (end_date, id) WHERE status = 'accepted';

-- A local's accepted reservations never overlap, whoever writes them: half open, one may start when another ends.
-- +goose StatementBegin
CREATE TRIGGER reservations_overlap_when_added BEFORE INSERT ON reservations WHEN NEW.status = 'accepted'
BEGIN
	SELECT raise(ABORT, 'accepted reservations of one local do not overlap') WHERE EXISTS (
		SELECT 1 FROM reservations
		WHERE status = 'accepted' AND local_id = NEW.local_id AND date < NEW.end_date AND end_date > NEW.date);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER reservations_overlap_when_changed BEFORE UPDATE ON reservations WHEN NEW.status = 'accepted'
BEGIN
	SELECT raise(ABORT, 'accepted reservations of one local do not overlap') WHERE EXISTS (
		SELECT 1 FROM reservations
		WHERE status = 'accepted' AND local_id = NEW.local_id AND date < NEW.end_date AND end_date > NEW.date
			AND id <> OLD.id);
END;
-- +goose StatementEnd

CREATE TABLE reports (
	id               BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
	reporter_id      BLOB    NOT NULL REFERENCES users (id),
	reported_user_id BLOB    NOT NULL REFERENCES users (id),
	reason           TEXT    NOT NULL,
	message          TEXT,
	status           TEXT    NOT NULL CHECK (status IN ('pending', 'reviewed', 'resolved', 'dismissed')),
	reviewed_by      BLOB    REFERENCES users (id),
	admin_notes      TEXT,
	reviewed_at      INTEGER,
	created_at       INTEGER NOT NULL,
	CHECK (reporter_id <> reported_user_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX reports_pending ON reports (reporter_id, reported_user_id) WHERE status = 'pending';
CREATE INDEX reports_by_time ON reports (created_at, id);
CREATE INDEX reports_by_status ON reports (status, created_at, id);
CREATE INDEX reports_of_reporter ON reports (reporter_id, created_at, id);

CREATE TABLE blocks (
	user_id         BLOB    NOT NULL REFERENCES users (id),
	blocked_user_id BLOB    NOT NULL REFERENCES users (id),
	created_at      INTEGER NOT NULL,
	PRIMARY KEY (user_id, blocked_user_id),
	CHECK (user_id <> blocked_user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX blocks_of_user ON blocks (user_id, created_at, blocked_user_id);

CREATE TABLE audit_records (
	id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
	actor_id   BLOB    REFERENCES users (id),
	action     TEXT    NOT NULL,
	subject_id BLOB    NOT NULL CHECK (length(subject_id) = 16),
	reason     TEXT,
	details    TEXT    NOT NULL CHECK (json_type(details) = 'object'),
	created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_records_by_time ON audit_records (created_at, id);
CREATE INDEX audit_records_of_subject ON audit_records (subject_id, created_at, id);

-- +goose StatementBegin
CREATE TRIGGER audit_records_never_change BEFORE UPDATE ON audit_records
BEGIN SELECT raise(ABORT, 'the audit trail is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_records_never_go BEFORE DELETE ON audit_records
BEGIN SELECT raise(ABORT, 'the audit trail is append-only'); END;
-- +goose StatementEnd

CREATE TABLE idempotency_records (
	owner       TEXT    NOT NULL,
	key         TEXT    NOT NULL,
	fingerprint BLOB    NOT NULL CHECK (length(fingerprint) = 32),
	answer      BLOB    NOT NULL,
	created_at  INTEGER NOT NULL,
	PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_records_by_time ON idempotency_records (created_at, owner, key);

CREATE TABLE store_marks (
	name       TEXT    NOT NULL PRIMARY KEY,
	created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
