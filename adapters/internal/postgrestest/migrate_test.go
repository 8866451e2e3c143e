package postgrestest

import (
	"context"
	"io/fs"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

func TestConcurrentMigrations(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			o := postgres.Options{Schema: []string{"one", "two"}[i%2]}
			if err := postgres.Migrate(ctx, dsn, o); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, schema := range []string{"one", "two"} {
		must(t, open(t, dsn, postgres.Options{Schema: schema}).Close(ctx))
	}
}

// Any tool can run the migration files. Open and Migrate recognise the result.
func TestFilesRunByAnotherTool(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	o := postgres.Options{Schema: "theirs"}
	runSQL(t, dsn, "CREATE SCHEMA theirs")
	files, err := fs.Glob(postgres.Migrations(), "*.sql")
	must(t, err)
	for _, f := range files {
		sql, err := fs.ReadFile(postgres.Migrations(), f)
		must(t, err)
		runSQL(t, dsn, "SET search_path TO theirs;"+string(sql))
	}
	must(t, open(t, dsn, o).Close(ctx))
	must(t, postgres.Migrate(ctx, dsn, o))
	must(t, open(t, dsn, o).Close(ctx))
}

// The migrations keep the reservations of version 1. Afterwards the settler expires the pending
// reservations if their date has passed.
func TestUpgradeOfReservations(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	o := postgres.Options{Schema: "older"}
	first, err := fs.ReadFile(postgres.Migrations(), "00001_schema.sql")
	must(t, err)
	runSQL(t, dsn, "CREATE SCHEMA older; SET search_path TO older, public;"+string(first)+`;
		INSERT INTO users SELECT gen_random_uuid(), name, name, NULL, NULL, NULL, NULL, NULL, 'user', true, false, 1, now(), now()
			FROM unnest(ARRAY['ada', 'ben']) AS name;
		INSERT INTO conversations SELECT gen_random_uuid(), ada.id, ben.id, now() FROM users AS ada, users AS ben
			WHERE ada.name = 'ada' AND ben.name = 'ben';
		INSERT INTO reservations SELECT gen_random_uuid(), id, voyager_id, local_id, voyager_id, title, 1, 0,
				now() + hours * interval '1 h', now() + (hours + 1) * interval '1 h', status, now(), now()
			FROM conversations, (VALUES ('lapsed', -9, 'pending'), ('waiting', 9, 'pending'), ('agreed', 5, 'accepted')) AS r (title, hours, status)`)
	must(t, postgres.Migrate(ctx, dsn, o))
	s := open(t, dsn, o)
	ids := id.NewGenerator(nil)
	service, err := reservations.NewService(reservations.Deps{
		Store: ports.ForReservations(ports.NewStore(s, uow.Policy{})), Ledger: tokens.NewLedger(ids), IDs: ids,
		Clock: clock.System(), Policy: reservations.DefaultPolicy(),
	})
	must(t, err)
	if n, err := service.Settle(ctx); n != 1 || err != nil {
		t.Errorf("settled %d: %v, want the pending one whose date has passed", n, err)
	}
	must(t, s.Close(ctx))
	c, err := pgx.Connect(ctx, dsn)
	must(t, err)
	defer func() { must(t, c.Close(ctx)) }()
	var found string
	must(t, c.QueryRow(ctx, "SELECT string_agg(title || ' ' || status, ', ' ORDER BY title) FROM older.reservations").Scan(&found))
	if want := "agreed accepted, lapsed expired, waiting pending"; found != want {
		t.Errorf("got %s, want %s", found, want)
	}
	if _, err := c.Exec(ctx, "UPDATE older.reservations SET status = 'lost'"); err == nil {
		t.Error("an unknown status was stored")
	}
}

// The extensions may exist already, in a schema of their own.
func TestExtensionsOfAnotherSchema(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	runSQL(t, dsn, "CREATE SCHEMA extensions; CREATE EXTENSION btree_gist SCHEMA extensions; CREATE EXTENSION pg_trgm SCHEMA extensions")
	must(t, postgres.Migrate(ctx, dsn, postgres.Options{}))
	must(t, open(t, dsn, postgres.Options{}).Close(ctx))
}

// A second migration changes nothing, and works while a server runs.
func TestRepeatedMigration(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	o := fresh(t, dsn)
	s := open(t, dsn, o)
	defer func() { must(t, s.Close(ctx)) }()
	must(t, postgres.Migrate(ctx, dsn, o))
	must(t, s.Ping(ctx))
}

// Tables of the host with the same names, in another schema, are not changed.
func TestOtherTablesWithSameNames(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	runSQL(t, dsn, "CREATE TABLE users (handle text); INSERT INTO users VALUES ('ada'); CREATE TABLE messages (n integer)")
	o := fresh(t, dsn)
	s := open(t, dsn, o)
	_, _, err := populated(s, 1)
	must(t, err)
	must(t, s.Close(ctx))
	c, err := pgx.Connect(ctx, dsn)
	must(t, err)
	defer func() { must(t, c.Close(ctx)) }()
	var rows, schemas int
	must(t, c.QueryRow(ctx, "SELECT (SELECT count(*) FROM public.users), (SELECT count(*) FROM pg_tables WHERE schemaname = 'public')").Scan(&rows, &schemas))
	if rows != 1 || schemas != 2 {
		t.Errorf("the host has %d users and %d tables", rows, schemas)
	}
}

// TestFillingContinues migrates a store whose migration was interrupted while it looked for the
// latest messages of conversations, counted their messages, made the bits of profiles, or set
// whether searches find them.
func TestFillingContinues(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	o := fresh(t, dsn)
	s := open(t, dsn, o)
	c := community.New(s, community.NewClock(), id.NewGenerator(nil), uow.Policy{})
	admin, pairs, err := c.Populate(ctx, 3)
	must(t, err)
	name := "hiking"
	hiking, err := c.Matching.CreateInterest(ctx, admin, matching.InterestChange{Name: &name}, "")
	must(t, err)
	for _, pair := range pairs[:2] { // the third has a profile without interests
		_, err = c.Matching.SaveProfile(ctx, pair.Local, matching.Profile{IsSearchable: true}, []id.Interest{hiking.ID})
		must(t, err)
	}
	_, err = c.Matching.SaveProfile(ctx, pairs[2].Local, matching.Profile{IsSearchable: true}, nil)
	must(t, err)
	for _, pair := range pairs[:2] { // the third conversation stays empty
		for range 2 {
			m, err := c.Messaging.Send(ctx, pair.Voyager, pair.Talk, messaging.Draft{Content: "hello"}, "")
			must(t, err)
			_, err = c.Messaging.Read(ctx, pair.Local, pair.Talk, m.ID, "")
			must(t, err)
			_, err = c.Messaging.Send(ctx, pair.Local, pair.Talk, messaging.Draft{Content: "hello"}, "")
			must(t, err)
		}
	}
	must(t, s.Close(ctx))
	db := connectTo(t, dsn, o)
	wrong := func() (n int) {
		t.Helper()
		must(t, db.QueryRow(ctx, wrongTalks).Scan(&n))
		return n
	}
	if n := wrong(); n != 0 {
		t.Fatalf("%d conversations disagree with their messages", n)
	}
	for state, lost := range map[string]struct{ columns, told string }{
		"conversation_activity": {"latest_at = NULL, latest_id = NULL", "latest messages"},
		"conversation_counts":   {"voyager_sent = 0, local_sent = 0, voyager_read = 0, local_read = 0", "not counted"},
	} {
		_, err = db.Exec(ctx, "UPDATE conversations SET "+lost.columns+
			" WHERE id > (SELECT id FROM conversations ORDER BY id LIMIT 1); UPDATE "+state+" SET done = false")
		must(t, err)
		if n := wrong(); n == 0 {
			t.Fatal("no conversation disagrees with its messages")
		}
		refused(t, dsn, o, postgres.ErrOutdated, lost.told)
		must(t, postgres.Migrate(ctx, dsn, o))
		if n := wrong(); n != 0 {
			t.Errorf("after the migration %d conversations disagree with their messages", n)
		}
	}
	must(t, open(t, dsn, o).Close(ctx))

	_, err = db.Exec(ctx, `UPDATE profiles SET interest_bits = B'0'
		WHERE id > (SELECT profile_id FROM profile_interests ORDER BY 1 LIMIT 1); UPDATE profile_bits SET done = false`)
	must(t, err)
	var lacking int
	must(t, db.QueryRow(ctx, wrongBits).Scan(&lacking))
	if lacking != 1 {
		t.Fatalf("the bits of %d profiles are wrong, want that of one", lacking)
	}
	refused(t, dsn, o, postgres.ErrOutdated, "bits of their interests")
	must(t, postgres.Migrate(ctx, dsn, o))

	_, err = db.Exec(ctx, `UPDATE profiles SET findable = false
		WHERE id > (SELECT id FROM profiles ORDER BY 1 LIMIT 1); UPDATE findable_profiles SET done = false`)
	must(t, err)
	must(t, db.QueryRow(ctx, wronglyFindable).Scan(&lacking))
	if lacking != 2 {
		t.Fatalf("%d profiles are wrongly not findable, want two", lacking)
	}
	refused(t, dsn, o, postgres.ErrOutdated, "whether a search can find them")
	must(t, postgres.Migrate(ctx, dsn, o))
	derivedAgree(t, dsn, o)
	must(t, open(t, dsn, o).Close(ctx))
}
