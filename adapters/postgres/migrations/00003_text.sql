-- Texts are prepared and compared by one set of rules. What ends in _folded is the text by which rows are unique or
-- ordered, what ends in _searched the text that searches compare. The application makes both: it makes those of
-- existing rows again, and marks a row as a twin if it was different from another one and now is the same. The version
-- in text_folding says by which rules the texts were made. A tool of your own can run this file; if there are rows,
-- postgres.Migrate or server migrate has to follow.

-- +goose Up

CREATE TABLE text_folding (version bigint NOT NULL);
INSERT INTO text_folding SELECT CASE WHEN EXISTS (SELECT FROM users) OR EXISTS (SELECT FROM interests) THEN 1 ELSE 2 END;

ALTER TABLE users RENAME COLUMN name_folded TO name_searched;
ALTER TABLE users ADD COLUMN email_searched text NOT NULL DEFAULT '' COLLATE "C", ADD COLUMN twin boolean NOT NULL DEFAULT false;
ALTER TABLE users ALTER COLUMN email_searched DROP DEFAULT, ALTER COLUMN twin DROP DEFAULT, DROP CONSTRAINT users_email;
CREATE UNIQUE INDEX users_email ON users (email_folded) WHERE NOT twin;
CREATE INDEX users_twins ON users (email_folded) WHERE twin;
DROP INDEX users_by_email;
-- +goose StatementBegin
DO $$
DECLARE home text;
BEGIN
	SELECT quote_ident(nspname) INTO STRICT home
	FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'pg_trgm';
	EXECUTE format('CREATE INDEX users_by_email ON users USING gin (email_searched %s.gin_trgm_ops)', home);
END $$;
-- +goose StatementEnd

ALTER TABLE interests ADD COLUMN twin boolean NOT NULL DEFAULT false;
ALTER TABLE interests ALTER COLUMN twin DROP DEFAULT, DROP CONSTRAINT interests_name;
CREATE UNIQUE INDEX interests_name ON interests (name_folded) WHERE NOT twin;

ALTER TABLE profiles RENAME COLUMN country_folded TO country_searched;
ALTER TABLE profiles RENAME COLUMN city_folded TO city_searched;

CREATE TABLE signup_grants (
	address_hash bytea NOT NULL PRIMARY KEY CHECK (octet_length(address_hash) = 32)
);

CREATE TABLE store_keys (
	name text  NOT NULL COLLATE "C" PRIMARY KEY,
	key  bytea NOT NULL
);

INSERT INTO schema_versions (version) VALUES (3);
