package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// TestRules tries to break each rule with plain SQL, as a mistake at a prompt would. The tables
// refuse it.
func TestRules(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	o := fresh(t, dsn)
	s := open(t, dsn, o)
	_, _, err := populated(s, 1)
	must(t, err)
	must(t, s.Close(ctx))
	c := connectTo(t, dsn, o)

	_, err = c.Exec(ctx, "INSERT INTO ledger_seals SELECT user_id, seq, sha256('') FROM token_transactions WHERE seq = 1")
	must(t, err)
	_, err = c.Exec(ctx, "INSERT INTO audit_records VALUES (gen_random_uuid(), NULL, 'x', gen_random_uuid(), NULL, '{}', now())")
	must(t, err)

	const reservation = `INSERT INTO reservations SELECT gen_random_uuid(), id, voyager_id, local_id, voyager_id, 'a walk', %s, 1, %s, %s, 'accepted', now(), now() FROM conversations`
	for name, broken := range map[string]struct{ sql, code string }{
		"a balance below zero":     {"UPDATE wallets SET balance = -1", pgerrcode.CheckViolation},
		"a balance too large":      {"UPDATE wallets SET balance = 9007199254740992", pgerrcode.CheckViolation},
		"a seq below zero":         {"UPDATE wallets SET seq = -1", pgerrcode.CheckViolation},
		"a line that is changed":   {"UPDATE token_transactions SET amount = amount", pgerrcode.RestrictViolation},
		"a line that is removed":   {"DELETE FROM token_transactions", pgerrcode.RestrictViolation},
		"a ledger that is emptied": {"TRUNCATE token_transactions CASCADE", pgerrcode.RestrictViolation},
		"a seal that is changed":   {"UPDATE ledger_seals SET hash = hash", pgerrcode.RestrictViolation},
		"a seal that is removed":   {"DELETE FROM ledger_seals", pgerrcode.RestrictViolation},
		"seals that are emptied":   {"TRUNCATE ledger_seals", pgerrcode.RestrictViolation},
		"a seal of no transaction": {"INSERT INTO ledger_seals SELECT user_id, 99, sha256('') FROM wallets", pgerrcode.ForeignKeyViolation},
		"a seal of no transaction among others": {"INSERT INTO ledger_seals SELECT user_id, seq, sha256('') FROM token_transactions WHERE seq = 2 " +
			"UNION ALL SELECT user_id, 99, sha256('') FROM wallets", pgerrcode.ForeignKeyViolation},
		"an audit that is changed":       {"UPDATE audit_records SET action = 'x'", pgerrcode.RestrictViolation},
		"an audit that is removed":       {"DELETE FROM audit_records", pgerrcode.RestrictViolation},
		"an audit that is emptied":       {"TRUNCATE audit_records", pgerrcode.RestrictViolation},
		"a second signup bonus":          {line("9", "'SIGNUP_BONUS'", "1", "0", "1"), pgerrcode.UniqueViolation},
		"a seq given out twice":          {line("1", "'BONUS'", "1", "0", "1"), pgerrcode.UniqueViolation},
		"a line that does not add":       {line("9", "'BONUS'", "1", "0", "2"), pgerrcode.CheckViolation},
		"a debit that adds":              {line("9", "'PENALTY'", "1", "0", "1"), pgerrcode.CheckViolation},
		"a credit that takes":            {line("9", "'BONUS'", "-1", "1", "0"), pgerrcode.CheckViolation},
		"a line of nothing":              {line("9", "'ADMIN_ADJUSTMENT'", "0", "0", "0"), pgerrcode.CheckViolation},
		"a line before the first":        {line("0", "'BONUS'", "1", "0", "1"), pgerrcode.CheckViolation},
		"a line from below zero":         {line("9", "'BONUS'", "1", "-1", "0"), pgerrcode.CheckViolation},
		"a line to below zero":           {line("9", "'PENALTY'", "-1", "0", "-1"), pgerrcode.CheckViolation},
		"metadata that is a list":        {strings.Replace(line("9", "'BONUS'", "1", "0", "1"), "'{}'", "'[]'", 1), pgerrcode.CheckViolation},
		"an unknown type":                {line("9", "'NO_TYPE'", "1", "0", "1"), pgerrcode.CheckViolation},
		"an address twice":               {"UPDATE users SET email_folded = 'voyager0@example.org' WHERE name = 'local0'", pgerrcode.UniqueViolation},
		"a role that is none":            {"UPDATE users SET role = 'king'", pgerrcode.CheckViolation},
		"an age out of range":            {"UPDATE profiles SET age = 17", pgerrcode.CheckViolation},
		"a hidden profile that is found": {"UPDATE profiles SET is_searchable = false, findable = true", pgerrcode.CheckViolation},
		"a talk with oneself":            {"UPDATE conversations SET local_id = voyager_id", pgerrcode.CheckViolation},
		"a pair's second talk":           {"INSERT INTO conversations SELECT gen_random_uuid(), voyager_id, local_id, now() FROM conversations", pgerrcode.UniqueViolation},
		"more read than sent":            {"UPDATE conversations SET voyager_read = local_sent + 1", pgerrcode.CheckViolation},
		"fewer sent than read":           {"UPDATE conversations SET voyager_sent = local_read - 1", pgerrcode.CheckViolation},
		"a message nowhere":              {"INSERT INTO messages SELECT gen_random_uuid(), gen_random_uuid(), id, 'x', NULL, false, now() FROM users", pgerrcode.ForeignKeyViolation},
		"a message by nobody":            {"INSERT INTO messages SELECT gen_random_uuid(), id, gen_random_uuid(), 'x', NULL, false, now() FROM conversations", pgerrcode.ForeignKeyViolation},
		"an account with a wallet":       {"DELETE FROM users", pgerrcode.ForeignKeyViolation},
		"a report of oneself":            {"INSERT INTO reports SELECT gen_random_uuid(), id, id, 'x', NULL, 'pending', NULL, NULL, NULL, now() FROM users", pgerrcode.CheckViolation},
		"a block of oneself":             {"INSERT INTO blocks SELECT id, id, now() FROM users", pgerrcode.CheckViolation},
		"an end before the start":        {fmt.Sprintf(reservation, "1.00", "now()", "now()"), pgerrcode.CheckViolation},
		"a negative price":               {fmt.Sprintf(reservation, "-0.01", "now()", "now() + '1 h'"), pgerrcode.CheckViolation},
		"a price with eleven digits":     {fmt.Sprintf(reservation, "100000000.00", "now()", "now() + '1 h'"), pgerrcode.NumericValueOutOfRange},
		"an overlap": {fmt.Sprintf(reservation, "1.00", "now()", "now() + '2 h'") + ";" + fmt.Sprintf(reservation, "1.00", "now() + '1 h'", "now() + '3 h'"),
			pgerrcode.ExclusionViolation},
	} {
		_, err := c.Exec(ctx, broken.sql)
		if failed, ok := errors.AsType[*pgconn.PgError](err); !ok || failed.Code != broken.code {
			t.Errorf("%s: got %v, want %s", name, err, broken.code)
		}
	}
	var unvalidated []string
	must(t, c.QueryRow(ctx, "SELECT array_agg(conname::text) FROM pg_constraint WHERE NOT convalidated").Scan(&unvalidated))
	if len(unvalidated) > 0 {
		t.Errorf("constraints that may not hold for all rows: %v", unvalidated)
	}
	if _, err := c.Exec(ctx, fmt.Sprintf(reservation, "1.00", "now()", "now() + '1 h'")+";"+fmt.Sprintf(reservation, "1.00", "now() + '1 h'", "now() + '2 h'")); err != nil {
		t.Errorf("a reservation that begins when another ends: %v", err)
	}
}

// TestRenamedSchema checks that a store may be served under another name of its schema: no rule
// refuses what it wrote before.
func TestRenamedSchema(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	o := fresh(t, dsn)
	must(t, open(t, dsn, o).Close(ctx))
	other := o
	other.Schema += "_renamed"
	c := connect(t, dsn)
	_, err := c.Exec(ctx, "ALTER SCHEMA "+pgx.Identifier{o.Schema}.Sanitize()+" RENAME TO "+pgx.Identifier{other.Schema}.Sanitize())
	must(t, err)
	t.Cleanup(func() { runSQL(t, dsn, "DROP SCHEMA "+pgx.Identifier{other.Schema}.Sanitize()+" CASCADE") })
	s := open(t, dsn, other)
	_, pairs, err := populated(s, 1)
	must(t, err)
	must(t, s.Run(ctx, uow.Write, func(ctx context.Context, tx ports.Tx) error {
		who := pairs[0].Local
		if err := tx.Matching().SaveProfile(ctx, matching.Profile{ID: id.Profile(who), UserID: who, IsSearchable: true}, nil); err != nil {
			return err
		}
		u, err := tx.Users().Hold(ctx, who)
		if err != nil {
			return err
		}
		u.IsActive = false
		return tx.Users().Save(ctx, u)
	}))
	derivedAgree(t, dsn, other)
	sealer, err := tokens.NewSealer(ports.ForTokens(ports.NewStore(s, uow.Policy{})), nil, tokens.DefaultPolicy())
	must(t, err)
	must(t, sealer.SealAll(ctx))
	var unsealed int
	must(t, connectTo(t, dsn, other).QueryRow(ctx,
		"SELECT (SELECT count(*) FROM token_transactions) - (SELECT count(*) FROM ledger_seals)").Scan(&unsealed))
	if unsealed != 0 {
		t.Errorf("%d transactions have no seal", unsealed)
	}
	must(t, s.Close(ctx))
}

// line adds a line to each wallet's ledger.
func line(seq, kind, amount, before, after string) string {
	return fmt.Sprintf("INSERT INTO token_transactions SELECT user_id, %s, gen_random_uuid(), %s, %s, 'x', '{}', %s, %s, now() FROM wallets",
		seq, amount, kind, before, after)
}
