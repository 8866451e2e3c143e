package postgrestest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// TestInvalidPreparedStatements checks that no caller gets an error after the prepared statements
// of a connection became invalid: a column got another type, or they were deallocated.
func TestInvalidPreparedStatements(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	o := fresh(t, dsn)
	o.MaxConns = 1
	config, err := pgxpool.ParseConfig(dsn)
	must(t, err)
	must(t, o.Configure(config))
	pool, err := pgxpool.NewWithConfig(ctx, config)
	must(t, err)
	defer pool.Close()
	store, err := postgres.New(ctx, pool, o)
	must(t, err)
	defer func() { must(t, store.Close(ctx)) }()
	c := community.New(store, community.NewClock(), id.NewGenerator(nil), uow.Policy{})
	_, pairs, err := c.Populate(ctx, 1)
	must(t, err)

	uses := map[string]func() error{
		"a read": func() error {
			_, err := c.Matching.MyProfile(ctx, pairs[0].Voyager)
			return err
		},
		"a page": func() error {
			_, err := c.Messaging.Messages(ctx, pairs[0].Voyager, pairs[0].Talk, page.Request[page.Moment]{Limit: 1})
			return err
		},
		"a write": func() error {
			_, err := c.Messaging.Send(ctx, pairs[0].Voyager, pairs[0].Talk, messaging.Draft{Content: "hello"}, "")
			return err
		},
	}
	schema, width := pgx.Identifier{o.Schema}.Sanitize(), 6000
	for name, spoil := range map[string]func(){
		"a column with another type": func() {
			width++
			runSQL(t, dsn, fmt.Sprintf(`ALTER TABLE %[1]s.profiles ALTER first_name TYPE varchar(%[2]d);
				ALTER TABLE %[1]s.messages ALTER content TYPE varchar(%[2]d); ALTER TABLE %[1]s.users ALTER name TYPE varchar(%[2]d)`, schema, width))
		},
		"statements that are gone": func() {
			_, err := pool.Exec(ctx, "DEALLOCATE ALL")
			must(t, err)
		},
	} {
		for use, do := range uses {
			must(t, do()) // prepares the statements
			spoil()
			if err := do(); err != nil {
				t.Errorf("%s after %s: %v", use, name, err)
			}
		}
	}
}

// TestPlanOfLongConversationsIsKept checks that the server does not plan each page of messages
// anew. If conversations are long and the planner sees the limit, PostgreSQL prefers a new plan for
// each execution.
func TestPlanOfLongConversationsIsKept(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	o := fresh(t, dsn)
	o.MaxConns = 1
	pool := hostPool(t, dsn, o, func(*pgxpool.Config) {})
	defer pool.Close()
	store, err := postgres.New(ctx, pool, o)
	must(t, err)
	defer func() { must(t, store.Close(ctx)) }()
	c := community.New(store, community.NewClock(), id.NewGenerator(nil), uow.Policy{})
	_, pairs, err := c.Populate(ctx, 1)
	must(t, err)
	schema := pgx.Identifier{o.Schema}.Sanitize()
	runSQL(t, dsn, fmt.Sprintf(`INSERT INTO %[1]s.messages (id, conversation_id, user_id, content, read, created_at)
		SELECT gen_random_uuid(), '%[2]s', '%[3]s', 'hello', true, timestamptz '2026-01-01' + n * interval '1 second'
		FROM generate_series(1, 20000) AS n; ANALYZE %[1]s.messages`, schema, pairs[0].Talk, pairs[0].Voyager))
	for range 10 {
		_, err := c.Messaging.Messages(ctx, pairs[0].Voyager, pairs[0].Talk, page.Request[page.Moment]{Limit: 30})
		must(t, err)
	}
	c1, err := pool.Acquire(ctx)
	must(t, err)
	old := c1.Conn().PgConn().ParameterStatus("server_version") < "14"
	c1.Release()
	if old {
		t.Skip("the server does not tell its plans")
	}
	var kept bool
	must(t, pool.QueryRow(ctx, `SELECT count(*) > 0 AND bool_and(generic_plans > 0) FROM pg_prepared_statements
		WHERE statement LIKE '%content, attachment, read%ORDER BY created_at DESC%'`).Scan(&kept))
	if !kept {
		t.Error("the server plans each page anew")
	}
}

// TestOutboxIsReadByItsIndex checks that plans which were made while the outbox was empty, as it is
// most of the time, do not read all of its pages when it is not.
func TestOutboxIsReadByItsIndex(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	o := fresh(t, dsn)
	o.MaxConns = 1
	pool := hostPool(t, dsn, o)
	defer pool.Close()
	store, err := postgres.New(ctx, pool, o)
	must(t, err)
	defer func() { must(t, store.Close(ctx)) }()
	c := community.New(store, community.NewClock(), id.NewGenerator(nil), uow.Policy{})
	_, _, err = c.Populate(ctx, 1)
	must(t, err)
	number := func() (n int) {
		t.Helper()
		must(t, store.Run(ctx, uow.Read, func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Events().Backlog(ctx)
			return err
		}))
		must(t, store.Run(ctx, uow.Write, func(ctx context.Context, tx ports.Tx) (err error) {
			n, err = tx.Events().Number(ctx, 500)
			return err
		}))
		return n
	}
	if number() == 0 {
		t.Fatal("there are no events")
	}
	runSQL(t, dsn, fmt.Sprintf("VACUUM ANALYZE %s.outbox_batches", pgx.Identifier{o.Schema}.Sanitize()))
	for range 10 {
		number()
	}
	rows, err := pool.Query(ctx, `SELECT 'EXPLAIN EXECUTE "' || name || '" (''events'')' FROM pg_prepared_statements
		WHERE strpos(statement, '.' || 'outbox ') > 0 AND statement NOT LIKE 'INSERT%'`)
	must(t, err)
	explain, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	if len(explain) != 2 {
		t.Errorf("%d statements read the outbox, want 2: of Backlog and of Number", len(explain))
	}
	for _, statement := range explain {
		rows, err := pool.Query(ctx, statement, pgx.QueryExecModeSimpleProtocol)
		must(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		must(t, err)
		if plan := strings.Join(lines, "\n"); strings.Contains(plan, "Seq Scan on outbox_batches") {
			t.Errorf("the plan of an empty outbox reads all pages:\n%s", plan)
		}
	}
}

// TestGroupsFindRowsByTheirKeys checks the plans of messages that are sent, and marked as read, and
// of proposals, with keys, that share a commit. They are made while the tables have next to no
// rows, and must not read all of them later.
func TestGroupsFindRowsByTheirKeys(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	o := fresh(t, dsn)
	o.MaxConns = 4
	pool := hostPool(t, dsn, o)
	store, err := postgres.New(ctx, pool, o)
	must(t, err)
	s := crowdOver(t, dsn, o, store, 8)
	runSQL(t, dsn, "VACUUM ANALYZE")
	last := make([]*act, len(s.pairs)) // the message of each pair in the round before
	for round := range 20 {
		var all []*act
		for i, p := range s.pairs {
			key := idempotency.Key(fmt.Sprintf("key-%d-%d", round, i))
			if round > 0 {
				var upTo id.Message
				must(t, upTo.UnmarshalText([]byte(last[i].id)))
				all = append(all, s.reads(p.Local, p.Talk, upTo, key, 1, nil))
			}
			last[i] = s.sends(p.Voyager, p.Talk, "hello", key, nil)
			all = append(all, last[i], s.proposes(p.Local, p.Talk, "proposal-"+key, nil))
		}
		s.check(all...)
	}
	found := map[string]int{}
	for _, c := range pool.AcquireAllIdle(ctx) {
		_, err := c.Exec(ctx, "SET plan_cache_mode = force_generic_plan") // keeps the plans
		must(t, err)
		for _, of := range []string{"INSERT INTO [^(]*messages ", "SET read = true", "INSERT INTO [^(]*reservations "} {
			rows, err := c.Query(ctx, `SELECT 'EXPLAIN EXECUTE "' || name || '" (' || repeat('NULL, ', cardinality(parameter_types) - 1) || 'NULL)'
				FROM pg_prepared_statements WHERE statement ~ $1 AND statement LIKE '%unnest(%' AND statement LIKE '%idempotency_records%'`, of)
			must(t, err)
			explain, err := pgx.CollectRows(rows, pgx.RowTo[string])
			must(t, err)
			for _, statement := range explain {
				found[of]++
				rows, err := c.Query(ctx, statement, pgx.QueryExecModeSimpleProtocol)
				must(t, err)
				lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
				must(t, err)
				if plan := strings.Join(lines, "\n"); strings.Contains(plan, "Seq Scan") {
					t.Errorf("the plan of a group reads a whole table:\n%s", plan)
				}
			}
		}
		c.Release()
	}
	if len(found) != 3 {
		t.Errorf("these shared a commit: %v; want messages, markings and proposals", found)
	}
}
