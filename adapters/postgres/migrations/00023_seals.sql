-- The seals of a statement are compared with the ledger together, which takes half the time of adding each with a foreign key. A
-- transaction never goes, so a seal that had one has it. The function looks by the index, also where its plan was made when
-- there were few transactions, and in the schema in which this file is run.

-- +goose Up

-- +goose StatementBegin
CREATE FUNCTION refuse_seals_of_nothing() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = off AS $$
BEGIN
	IF EXISTS (SELECT FROM added WHERE NOT EXISTS (
		SELECT FROM token_transactions AS line WHERE line.user_id = added.user_id AND line.seq = added.seq OFFSET 0)) THEN
		RAISE EXCEPTION 'a seal has no transaction' USING ERRCODE = 'foreign_key_violation';
	END IF;
	RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER ledger_seals_have_transactions AFTER INSERT ON ledger_seals
	REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION refuse_seals_of_nothing();
ALTER TABLE ledger_seals DROP CONSTRAINT ledger_seals_user_id_seq_fkey;

INSERT INTO schema_versions (version) VALUES (23);
