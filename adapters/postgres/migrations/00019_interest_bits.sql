-- A profile has the numbers of its interests as a string of bits, so that a search compares it with others without a join. The
-- application makes the bits of profiles from before in batches, and then sets done. A tool of your own can run this file; if
-- there are profiles with interests, postgres.Migrate or server migrate has to follow.

-- +goose Up

ALTER TABLE interests ADD COLUMN number integer NOT NULL
	GENERATED ALWAYS AS IDENTITY (MINVALUE 0 START 0) CONSTRAINT interests_number UNIQUE;

-- The server would copy a short value of another storage before each use.
ALTER TABLE profiles ADD COLUMN interest_bits bit varying NOT NULL DEFAULT B'0';
ALTER TABLE profiles ALTER COLUMN interest_bits SET STORAGE PLAIN,
	ADD CONSTRAINT profiles_interest_bits CHECK (length(interest_bits) BETWEEN 1 AND 8192); -- with more, an index could not hold it

-- A search ranks by these alone: what it filters by is in each of them.
DROP INDEX profiles_searchable;
DROP INDEX profiles_of_country;
DROP INDEX profiles_of_city;
DROP INDEX profiles_of_place;
CREATE INDEX profiles_searchable ON profiles (id) INCLUDE (interest_bits, age, country_searched, city_searched) WHERE is_searchable;
CREATE INDEX profiles_of_country ON profiles (country_searched, id) INCLUDE (interest_bits, age) WHERE is_searchable;
CREATE INDEX profiles_of_city ON profiles (city_searched, id) INCLUDE (interest_bits, age) WHERE is_searchable;
CREATE INDEX profiles_of_place ON profiles (country_searched, city_searched, id) INCLUDE (interest_bits, age) WHERE is_searchable;

CREATE TABLE profile_bits (done boolean NOT NULL);
INSERT INTO profile_bits SELECT NOT EXISTS (SELECT FROM profile_interests);

INSERT INTO schema_versions (version) VALUES (19);
