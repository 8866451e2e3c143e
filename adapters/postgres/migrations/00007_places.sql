-- People are listed by their places.

-- +goose Up

CREATE INDEX profiles_of_place ON profiles (country_searched, city_searched, id) WHERE is_searchable;

INSERT INTO schema_versions (version) VALUES (7);
