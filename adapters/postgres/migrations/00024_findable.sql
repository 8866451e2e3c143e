-- findable tells whether a search can find a profile: it is searchable, and its account is active. So a search reads no accounts.
-- The application sets it when it saves a profile; a trigger sets it when the account changes. The trigger makes its query in the
-- function, because search_path may be any other one then, and the schema may have got another name. The application fills
-- existing profiles in batches, and then sets done. A tool of your own can run this file; if there are profiles, postgres.Migrate
-- or server migrate has to follow.

-- +goose Up

ALTER TABLE profiles
	ADD COLUMN findable boolean NOT NULL DEFAULT false,
	ADD CONSTRAINT profiles_findable_check CHECK (is_searchable OR NOT findable);

-- +goose StatementBegin
CREATE FUNCTION keep_findable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('UPDATE %I.profiles SET findable = is_searchable AND $2 WHERE user_id = $1', TG_TABLE_SCHEMA) USING NEW.id, NEW.is_active;
	RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER users_keep_findable AFTER UPDATE OF is_active ON users
	FOR EACH ROW WHEN (OLD.is_active <> NEW.is_active) EXECUTE FUNCTION keep_findable();

DROP INDEX profiles_searchable;
DROP INDEX profiles_of_country;
DROP INDEX profiles_of_city;
DROP INDEX profiles_of_place;
DROP INDEX profiles_of_age;
CREATE INDEX profiles_findable ON profiles (id) INCLUDE (interest_bits, age, country_searched, city_searched) WHERE findable;
CREATE INDEX profiles_of_country ON profiles (country_searched, id) INCLUDE (interest_bits, age) WHERE findable;
CREATE INDEX profiles_of_city ON profiles (city_searched, id) INCLUDE (interest_bits, age) WHERE findable;
CREATE INDEX profiles_of_place ON profiles (country_searched, city_searched, id) INCLUDE (interest_bits, age) WHERE findable;
CREATE INDEX profiles_of_age ON profiles (age, id) WHERE findable;

CREATE TABLE findable_profiles (done boolean NOT NULL);
INSERT INTO findable_profiles SELECT NOT EXISTS (SELECT FROM profiles);

INSERT INTO schema_versions (version) VALUES (24);
