package postgrestest

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/uow"
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
