-- Seals make the transactions of each wallet a chain: see tokens.Seal. The application makes the seals of the transactions
-- from before, and then sets done. A tool of your own can run this file; if there are transactions, postgres.Migrate or
-- server migrate has to follow.

-- +goose Up

CREATE TABLE ledger_seals (
	user_id uuid   NOT NULL,
	seq     bigint NOT NULL,
	hash    bytea  NOT NULL CHECK (octet_length(hash) = 32),
	PRIMARY KEY (user_id, seq),
	FOREIGN KEY (user_id, seq) REFERENCES token_transactions (user_id, seq)
);

CREATE TRIGGER ledger_seals_never_change BEFORE UPDATE OR DELETE ON ledger_seals
	FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_seals_never_go BEFORE TRUNCATE ON ledger_seals
	FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE ledger_sealing (done boolean NOT NULL);
INSERT INTO ledger_sealing SELECT NOT EXISTS (SELECT FROM token_transactions);

INSERT INTO schema_versions (version) VALUES (10);
