-- Pending reservations expire.

-- +goose Up

ALTER TABLE reservations
	DROP CONSTRAINT reservations_status_check,
	ADD CONSTRAINT reservations_status_check
		CHECK (status IN ('pending', 'accepted', 'declined', 'cancelled', 'completed', 'expired'));
CREATE INDEX reservations_lapsing ON reservations (date, id) WHERE status = 'pending';

INSERT INTO schema_versions (version) VALUES (2);
