-- An image that was cleaned has a mark. Those from before are cleaned when they are served.

-- +goose Up

ALTER TABLE attachments ADD COLUMN cleaned INTEGER NOT NULL DEFAULT 0 CHECK (cleaned IN (0, 1));
