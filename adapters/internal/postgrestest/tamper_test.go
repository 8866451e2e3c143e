package postgrestest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/internal/tamper"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// TestChangesAreFound changes the tables as a superuser, without triggers and constraints.
func TestChangesAreFound(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	o := fresh(t, dsn)
	s := open(t, dsn, o)
	defer func() { must(t, s.Close(ctx)) }()
	db, err := pgx.Connect(ctx, dsn)
	must(t, err)
	defer func() { must(t, db.Close(ctx)) }()
	for _, guard := range []string{
		"SET search_path TO " + pgx.Identifier{o.Schema}.Sanitize(),
		"SET session_replication_role TO replica",
		`DO $$ DECLARE rule record; BEGIN
			FOR rule IN SELECT conname, conrelid::regclass AS home FROM pg_constraint
				WHERE contype = 'c' AND conrelid IN ('token_transactions'::regclass, 'ledger_seals'::regclass)
			LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', rule.home, rule.conname); END LOOP;
		END $$`,
	} {
		_, err := db.Exec(ctx, guard)
		must(t, err)
	}
	n := 400
	if soak() {
		n = 10_000
	}
	c := community.New(s, community.NewClock(), id.NewGenerator(nil), uow.Policy{MaxTime: time.Minute})
	tamper.Find(ctx, t, c, backdoor{db}, n)
}

type backdoor struct{ db *pgx.Conn }

func (b backdoor) Remove(ctx context.Context, table *ports.Table, key []any) error {
	_, err := b.db.Exec(ctx, "DELETE FROM "+table.Name+" WHERE user_id = $1 AND seq = $2", key...)
	return err
}

func (b backdoor) Insert(ctx context.Context, table *ports.Table, row ports.Row) error {
	var marks []string
	for i := range row {
		marks = append(marks, fmt.Sprint("$", i+1))
	}
	_, err := b.db.Exec(ctx, fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table.Name, strings.Join(table.Names(), ", "),
		strings.Join(marks, ", ")), row...)
	return err
}

// TestSealingContinues migrates a store whose migration was interrupted while the ledger was
// sealed.
func TestSealingContinues(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	o := fresh(t, dsn)
	s := open(t, dsn, o)
	_, _, err := populated(s, 2)
	must(t, err)
	must(t, s.Close(ctx))
	schema := pgx.Identifier{o.Schema}.Sanitize()
	runSQL(t, dsn, "SET search_path TO "+schema+"; UPDATE ledger_sealing SET done = false")
	refused(t, dsn, o, postgres.ErrOutdated, "not sealed")
	must(t, postgres.Migrate(ctx, dsn, o))
	s = open(t, dsn, o)
	defer func() { must(t, s.Close(ctx)) }()
	found, err := community.New(s, community.NewClock(), id.NewGenerator(nil), uow.Policy{}).Auditor.Audit(ctx)
	if err != nil || found.Unsealed != 0 || found.Transactions == 0 || len(found.Violations) > 0 {
		t.Errorf("the audit found %+v, %v", found, err)
	}
}

func BenchmarkVerify(b *testing.B) {
	dsn := servers.Postgres(b)
	s := open(b, dsn, fresh(b, dsn))
	defer func() { must(b, s.Close(context.Background())) }()
	tamper.Verify(b, community.New(s, community.NewClock(), id.NewGenerator(nil), uow.Policy{}))
}
