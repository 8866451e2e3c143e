-- A trigger compares the seals of a statement with the ledger together, which takes half the time of a foreign key. Transactions
-- are never removed, so older seals need no check. The query is made in the function, because search_path may be any other one
-- when a seal is added, and the schema may have got another name.

-- +goose Up

-- +goose StatementBegin
CREATE FUNCTION refuse_seals_of_nothing() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	wrong boolean;
BEGIN
	EXECUTE format('SELECT EXISTS (SELECT FROM added WHERE NOT EXISTS (
		SELECT FROM %I.token_transactions AS line WHERE line.user_id = added.user_id AND line.seq = added.seq OFFSET 0))',
		TG_TABLE_SCHEMA) INTO wrong;
	IF wrong THEN
		RAISE EXCEPTION 'a seal has no transaction' USING ERRCODE = 'foreign_key_violation';
	END IF;
	RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER ledger_seals_have_transactions AFTER INSERT ON ledger_seals
	REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION refuse_seals_of_nothing();
ALTER TABLE ledger_seals DROP CONSTRAINT ledger_seals_user_id_seq_fkey;

INSERT INTO schema_versions (version) VALUES (23);
