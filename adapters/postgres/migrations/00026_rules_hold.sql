-- Validates the constraints of 00025_rules.sql. Others can read and write meanwhile.

-- +goose Up

ALTER TABLE wallets VALIDATE CONSTRAINT wallets_rules;
ALTER TABLE token_transactions VALIDATE CONSTRAINT token_transactions_rules;

INSERT INTO schema_versions (version) VALUES (26);
