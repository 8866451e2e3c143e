-- Texts are prepared and compared by one set of rules. What ends in _folded is the text by which rows are unique or
-- ordered, what ends in _searched the text that searches compare. The application makes both: it makes those of
-- existing rows again, and marks a row as a twin if it was different from another one and now is the same. The version
-- in text_folding says by which rules the texts were made.

-- +goose Up

CREATE TABLE text_folding (version INTEGER NOT NULL) STRICT;
INSERT INTO text_folding SELECT CASE WHEN EXISTS (SELECT 1 FROM users) OR EXISTS (SELECT 1 FROM interests) THEN 1 ELSE 2 END;

-- A UNIQUE of a table cannot be removed, so the two tables are made again.
CREATE TABLE users_again (
	id             BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
	name           TEXT    NOT NULL,
	name_searched  TEXT    NOT NULL,
	email          TEXT,
	email_folded   TEXT,
	email_searched TEXT    NOT NULL,
	password       TEXT,
	bio            TEXT,
	location       TEXT,
	role           TEXT    NOT NULL CHECK (role IN ('user', 'admin')),
	is_active      INTEGER NOT NULL CHECK (is_active IN (0, 1)),
	erased         INTEGER NOT NULL CHECK (erased IN (0, 1)),
	twin           INTEGER NOT NULL CHECK (twin IN (0, 1)),
	version        INTEGER NOT NULL CHECK (version >= 1),
	created_at     INTEGER NOT NULL,
	updated_at     INTEGER NOT NULL,
	CHECK ((email IS NULL) = (email_folded IS NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO users_again
	SELECT id, name, name_folded, email, email_folded, coalesce(email_folded, ''), password, bio, location, role, is_active,
		erased, 0, version, created_at, updated_at
	FROM users;
DROP TABLE users;
ALTER TABLE users_again RENAME TO users;
CREATE UNIQUE INDEX users_by_address ON users (email_folded) WHERE NOT twin;
CREATE INDEX users_twins ON users (email_folded) WHERE twin;
CREATE INDEX users_by_time ON users (created_at, id);
CREATE INDEX users_active_admins ON users (id) WHERE role = 'admin' AND is_active = 1;

CREATE TABLE interests_again (
	id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
	name        TEXT    NOT NULL,
	name_folded TEXT    NOT NULL,
	icon        TEXT,
	is_active   INTEGER NOT NULL CHECK (is_active IN (0, 1)),
	twin        INTEGER NOT NULL CHECK (twin IN (0, 1))
) STRICT, WITHOUT ROWID;
INSERT INTO interests_again SELECT id, name, name_folded, icon, is_active, 0 FROM interests;
DROP TABLE interests;
ALTER TABLE interests_again RENAME TO interests;
CREATE UNIQUE INDEX interests_names ON interests (name_folded) WHERE NOT twin;
CREATE INDEX interests_by_name ON interests (name_folded, id);

ALTER TABLE profiles RENAME COLUMN country_folded TO country_searched;
ALTER TABLE profiles RENAME COLUMN city_folded TO city_searched;

CREATE TABLE signup_grants (
	address_hash BLOB NOT NULL PRIMARY KEY CHECK (length(address_hash) = 32)
) STRICT, WITHOUT ROWID;

CREATE TABLE store_keys (
	name TEXT NOT NULL PRIMARY KEY,
	key  BLOB NOT NULL
) STRICT, WITHOUT ROWID;
