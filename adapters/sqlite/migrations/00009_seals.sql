-- Seals make the transactions of each wallet a chain: see tokens.Seal. The application makes the seals of the transactions
-- from before, and then sets done.

-- +goose Up

CREATE TABLE ledger_seals (
	user_id BLOB    NOT NULL,
	seq     INTEGER NOT NULL,
	hash    BLOB    NOT NULL CHECK (length(hash) = 32),
	PRIMARY KEY (user_id, seq),
	FOREIGN KEY (user_id, seq) REFERENCES token_transactions (user_id, seq)
) STRICT, WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER ledger_seals_never_change BEFORE UPDATE ON ledger_seals
BEGIN SELECT raise(ABORT, 'seals are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_seals_never_go BEFORE DELETE ON ledger_seals
BEGIN SELECT raise(ABORT, 'seals are append-only'); END;
-- +goose StatementEnd

CREATE TABLE ledger_sealing (done INTEGER NOT NULL CHECK (done IN (0, 1))) STRICT;
INSERT INTO ledger_sealing SELECT NOT EXISTS (SELECT 1 FROM token_transactions);
