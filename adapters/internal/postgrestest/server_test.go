package postgrestest

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/programs"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
)

// The tests in this file run the example server on PostgreSQL as an operator does.

func TestServer(t *testing.T) {
	t.Parallel()
	dsn := servers.Postgres(t)
	folder := programs.Build(t, "examples/server", "examples/journey")
	s := programs.NewServer(t, folder)

	t.Run("several servers on one store", func(t *testing.T) {
		s.Several(t, programs.Shared{
			Address: with(t, dsn, "schema", "several"), Missing: "schema several", Named: "?schema=several", Backup: "pg_dump",
		})
	})
	t.Run("journey", func(t *testing.T) { s.Journey(t, with(t, dsn, "schema", "a journey")) })
	t.Run("copies", func(t *testing.T) { copies(t, s, dsn) })
	t.Run("refusals", func(t *testing.T) { refusals(t, s, dsn) })
	t.Run("few rights", func(t *testing.T) { fewRights(t, s) })
	t.Run("pgbouncer", func(t *testing.T) { throughPgBouncer(t, s, dsn) })
	t.Run("restarts behind a load balancer", func(t *testing.T) { s.Restarts(t, with(t, dsn, "schema", "restarts"), size(4, 30)) })
	t.Run("a server that comes back", func(t *testing.T) { comesBack(t, s) })
}

// with returns an address with one more parameter.
func with(t *testing.T, dsn, name, value string) string {
	t.Helper()
	u := mustParse(t, dsn)
	u.RawQuery = strings.TrimPrefix(u.RawQuery+"&"+name+"="+url.PathEscape(value), "&")
	return u.String()
}

// copies copies a store from SQLite into a database, and back.
func copies(t *testing.T, s programs.Server, dsn string) {
	folder := t.TempDir()
	from, between, to := "sqlite:"+filepath.Join(folder, "from.db"), with(t, dsn, "schema", "copied"), "sqlite:"+filepath.Join(folder, "to.db")
	s.Serve(t, "--store", from).Kill(t)
	for _, leg := range [][2]string{{from, between}, {between, to}} {
		// The database may notice late that the last copy has ended.
		workload.Within(t, time.Minute, func() error { return s.Copy(t, leg[0], leg[1]) })
		s.Sound(t, leg[1])
	}
	r := s.Serve(t, "--store", between)
	if err := r.Demo(t); err != nil {
		t.Errorf("sign in after a copy: %v", err)
	}
}

func refusals(t *testing.T, s programs.Server, dsn string) {
	u := mustParse(t, dsn)
	changed := func(change func(u *url.URL)) string {
		other := *u
		change(&other)
		return other.String()
	}
	s.Migrate(t, with(t, dsn, "schema", "newer"))
	runSQL(t, dsn, "INSERT INTO newer.schema_versions VALUES (99999)")
	s.Migrate(t, with(t, dsn, "schema", "unfit"))

	s.Refuses(t, map[string]programs.Refusal{
		"no tables":            programs.Refused("serve", with(t, dsn, "schema", "empty"), "schema empty", "server migrate"),
		"no tables to look at": programs.Refused("doctor", with(t, dsn, "schema", "empty"), "schema empty", "server migrate"),
		"newer":                programs.Refused("serve", with(t, dsn, "schema", "newer"), "newer version", "99999"),
		"a migration of newer": programs.Refused("migrate", with(t, dsn, "schema", "newer"), "newer version", "99999"),
		"unfit":                programs.Refused("serve", with(t, with(t, dsn, "schema", "unfit"), "synchronous_commit", "off"), "not fit", "synchronous_commit is off"),
		"no database":          programs.Refused("serve", changed(func(u *url.URL) { u.Path = "/absent" }), "absent", "CREATE DATABASE"),
		"a migration of none":  programs.Refused("migrate", changed(func(u *url.URL) { u.Path = "/absent" }), "absent", "CREATE DATABASE"),
		"no such parameter":    programs.Refused("serve", with(t, dsn, "scheme", "mine"), "scheme"),
	})
}

func mustParse(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	must(t, err)
	return u
}

// fewRights checks that a user who migrates needs only CREATE on the database, and that a user who
// serves needs only USAGE on the schema and the privileges on its tables.
func fewRights(t *testing.T, s programs.Server) {
	dsn := servers.Postgres(t)
	u := mustParse(t, dsn)
	database := strings.TrimPrefix(u.Path, "/")
	as := func(role string) string {
		runSQL(t, dsn, "CREATE ROLE "+role+" LOGIN PASSWORD 'poor but proud'")
		t.Cleanup(func() { runSQL(t, dsn, "DROP OWNED BY "+role+" CASCADE; DROP ROLE "+role) })
		other := *u
		other.User = url.UserPassword(role, "poor but proud")
		return other.String()
	}
	owner, user := as(database+"_owner"), as(database+"_user")
	refused := func(command, address, want string) {
		t.Helper()
		got := s.Run(t, command, "--store", address)
		if got.Code != 1 || !strings.Contains(got.Stderr, "permission denied") || !strings.Contains(got.Stderr, want) {
			t.Errorf("%s without the right to: %v", command, got)
		}
		programs.Discreet(t, address, got.String())
	}

	refused("migrate", owner, "CREATE on the database")
	runSQL(t, dsn, "GRANT CREATE ON DATABASE "+database+" TO "+database+"_owner")
	s.Migrate(t, owner)
	s.Sound(t, owner)

	refused("doctor", user, "USAGE")
	runSQL(t, dsn, "GRANT USAGE ON SCHEMA cicerone TO "+database+"_user; GRANT ALL ON ALL TABLES IN SCHEMA cicerone TO "+database+"_user")
	r := s.Serve(t, "--store", user, "--demo")
	if err := r.Demo(t); err != nil {
		t.Errorf("sign in: %v", err)
	}
	r.Kill(t)
}

func throughPgBouncer(t *testing.T, s programs.Server, dsn string) {
	direct := with(t, dsn, "schema", "bounced")
	s.Migrate(t, direct)
	through := with(t, servers.PgBouncer(t, dsn), "schema", "bounced")
	if got := s.Run(t, "--store", through, "--addr", "localhost:0"); got.Code != 1 || !strings.Contains(got.Stderr, "pgbouncer=true") {
		t.Errorf("through PgBouncer without pgbouncer=true: %v", got)
	}
	through = with(t, through, "pgbouncer", "true")
	r := s.Serve(t, "--store", through, "--demo")
	if err := r.Demo(t); err != nil {
		t.Errorf("sign in: %v", err)
	}
	s.Sound(t, through)
	if got := s.Run(t, "migrate", "--store", through); got.Code != 1 || !strings.Contains(got.Stderr, "does not work through PgBouncer") {
		t.Errorf("a migration: %v", got)
	}
	if got := s.Run(t, "copy", "--from", through, "--to", "sqlite:"+filepath.Join(t.TempDir(), "copy.db")); got.Code != 1 || !strings.Contains(got.Stderr, "server's own address") {
		t.Errorf("a copy: %v", got)
	}
	programs.Discreet(t, through, r.Said+r.Logged())
}

func comesBack(t *testing.T, s programs.Server) {
	db := servers.OwnPostgres(t, servers.PostgresOptions{})
	address := db.DSN("postgres")
	s.Migrate(t, address)
	wrong := mustParse(t, address)
	wrong.User = url.UserPassword(wrong.User.Username(), "open sesame")
	for _, command := range []string{"serve", "migrate", "doctor"} {
		got := s.Run(t, command, "--store", wrong.String())
		if got.Code != 1 || !strings.Contains(got.Stderr, "refuses this user") || strings.Contains(got.Stderr, "sesame") {
			t.Errorf("%s with a wrong password: %v", command, got)
		}
	}
	s.ComesBack(t, address, db.Kill, db.Start)
}
