-- A profile has the numbers of its interests, so that a search compares it with others without a join, and reads one index.
-- The application adds the numbers to profiles from before in batches, and then sets done.

-- +goose Up

ALTER TABLE interests ADD COLUMN number INTEGER;
UPDATE interests SET number = counted.number
	FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS number FROM interests) AS counted WHERE counted.id = interests.id;
CREATE UNIQUE INDEX interests_number ON interests (number);

-- +goose StatementBegin
CREATE TRIGGER interests_numbered AFTER INSERT ON interests WHEN NEW.number IS NULL
BEGIN
	UPDATE interests SET number = (SELECT coalesce(max(number) + 1, 0) FROM interests) WHERE id = NEW.id;
END;
-- +goose StatementEnd

ALTER TABLE profiles ADD COLUMN interest_numbers BLOB NOT NULL DEFAULT x'';

-- A search ranks by these alone: what it filters by is in each of them.
DROP INDEX profiles_searchable;
CREATE INDEX profiles_of_place ON profiles (country_searched, city_searched, id, age, interest_numbers) WHERE is_searchable = 1;
CREATE INDEX profiles_of_city ON profiles (city_searched, id, age, interest_numbers) WHERE is_searchable = 1;

CREATE TABLE profile_numbers (done INTEGER NOT NULL CHECK (done IN (0, 1))) STRICT;
INSERT INTO profile_numbers SELECT NOT EXISTS (SELECT 1 FROM profile_interests);
