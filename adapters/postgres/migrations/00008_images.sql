-- An image that was cleaned has a mark. Those from before are cleaned when they are served.

-- +goose Up

ALTER TABLE attachments ADD COLUMN cleaned boolean NOT NULL DEFAULT false;
ALTER TABLE attachments ALTER COLUMN cleaned DROP DEFAULT;

INSERT INTO schema_versions (version) VALUES (8);
