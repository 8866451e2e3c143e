-- Pending reservations expire. Admins list all reservations, and users their own by date.

-- +goose Up

ALTER TABLE reservations
	DROP CONSTRAINT reservations_status_check,
	ADD CONSTRAINT reservations_status_check
		CHECK (status IN ('pending', 'accepted', 'declined', 'cancelled', 'completed', 'expired'));
CREATE INDEX reservations_lapsing ON reservations (date, id) WHERE status = 'pending';
CREATE INDEX reservations_by_time ON reservations (created_at, id);
CREATE INDEX reservations_by_status ON reservations (status, created_at, id);
CREATE INDEX reservations_of_voyager_by_date ON reservations (voyager_id, date, id);
CREATE INDEX reservations_of_local_by_date ON reservations (local_id, date, id);

INSERT INTO schema_versions (version) VALUES (2);
