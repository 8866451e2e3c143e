package postgrestest

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/programs"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// The example server on PostgreSQL, as an operator meets it.

func TestServer(t *testing.T) {
	dsn := servers.Postgres(t)
	folder := programs.Build(t, "server", "journey")
	s := programs.NewServer(t, folder)

	t.Run("several servers on one store", func(t *testing.T) { severalServers(t, s, with(t, dsn, "schema", "several")) })
	t.Run("journey", func(t *testing.T) {
		address := with(t, dsn, "schema", "a journey")
		migrated(t, s, address)
		r := s.Serve(t, "--store", address, "--demo")
		got := programs.Run(t, programs.Command(t.Context(), nil, filepath.Join(folder, "journey"), "--server", r.Base))
		if got.Code != 0 || !strings.Contains(got.Stdout, "Everything was as it should be.") {
			t.Errorf("journey: %v", got)
		}
		sound(t, s, address)
		if got := s.Run(t, "--store", address, "--addr", "0.0.0.0:0"); got.Code != 1 || !strings.Contains(got.Stderr, "demo data") {
			t.Errorf("demo data, for all to see: %v", got)
		}
	})
	t.Run("copies", func(t *testing.T) { copies(t, s, dsn) })
	t.Run("refusals", func(t *testing.T) { refusals(t, s, dsn) })
	t.Run("few rights", func(t *testing.T) { fewRights(t, s) })
	t.Run("pgbouncer", func(t *testing.T) { throughPgBouncer(t, s, dsn) })
	t.Run("a server that comes back", func(t *testing.T) { comesBack(t, s) })
}

// client talks to a server.
func client(t *testing.T, s *programs.Serving) *httpapi.Client {
	t.Helper()
	c, err := httpapi.NewClient(s.Base)
	must(t, err)
	return c
}

// with is an address with one more parameter.
func with(t *testing.T, dsn, name, value string) string {
	t.Helper()
	u := mustParse(t, dsn)
	u.RawQuery = strings.TrimPrefix(u.RawQuery+"&"+name+"="+url.PathEscape(value), "&")
	return u.String()
}

func migrated(t *testing.T, s programs.Server, address string) {
	t.Helper()
	got := s.Run(t, "migrate", "--store", address)
	if got.Code != 0 || !strings.HasPrefix(got.Stdout, "postgres://") || !strings.HasSuffix(got.Stdout, " is up to date\n") || got.Stderr != "" {
		t.Fatalf("migrate: %v", got)
	}
	discreet(t, address, got.String())
}

// sound fails the test unless a store keeps all rules.
func sound(t *testing.T, s programs.Server, address string) {
	t.Helper()
	if got := s.Run(t, "doctor", "--store", address); got.Code != 0 || !strings.Contains(got.Stdout, "violations     0\n") || got.Stderr != "" {
		t.Errorf("doctor: %v", got)
	}
}

// discreet fails the test where the password of an address was told.
func discreet(t *testing.T, address, said string) {
	t.Helper()
	if password, _ := mustParse(t, address).User.Password(); password != "" && strings.Contains(said, password) {
		t.Errorf("the password of the database is told:\n%s", said)
	}
}

func severalServers(t *testing.T, s programs.Server, address string) {
	for range 2 { // nothing is done without being asked for
		got := s.Run(t, "--store", address, "--addr", "localhost:0")
		if got.Code != 1 || !strings.Contains(got.Stderr, "server migrate") || !strings.Contains(got.Stderr, "schema several") {
			t.Fatalf("without tables: %v", got)
		}
	}
	migrated(t, s, address)
	migrated(t, s, address)
	if s := (programs.Server{Path: s.Path, Env: append(s.Env, "CICERONE_STORE="+address)}); s.Run(t, "migrate").Code != 0 {
		t.Error("an address in the environment was not taken")
	}

	flags := []string{"--store", address, "--access-key", strings.Repeat("a2V5", 11)}
	one, two := s.Serve(t, flags...), s.Serve(t, flags...)
	if !strings.Contains(one.Said, "?schema=several\n") || strings.Contains(one.Said, "sign in with") {
		t.Errorf("it said:\n%s", one.Said)
	}
	in, err := client(t, one).SignUp(t.Context(), httpapi.SignUp{Name: "Ada", Email: "ada@example.net", Password: "long enough"}, "")
	must(t, err)
	if w, err := client(t, two).As(in.AccessToken).Wallet(t.Context()); err != nil || w.Balance != 50 {
		t.Errorf("at the other server: wallet %v, %v, want 50 tokens", w, err)
	}
	if _, err := client(t, two).SignIn(t.Context(), "voyager@example.org", "cicerone-demo"); err == nil {
		t.Error("there is demo data")
	}

	// Beside servers.
	admin := programs.Command(t.Context(), s.Env, s.Path, "admin", "grace@example.net", "--store", address, "--bcrypt-cost", "4")
	admin.Stdin = strings.NewReader("round the corner\n")
	if got := programs.Run(t, admin); got.Code != 0 || got.Stdout != "grace@example.net is a new account, and an admin\n" {
		t.Errorf("admin: %v", got)
	}
	grace, err := client(t, one).SignIn(t.Context(), "grace@example.net", "round the corner")
	must(t, err)
	if found, err := client(t, two).As(grace.AccessToken).VerifyLedger(t.Context()); err != nil || found.Wallets != 2 {
		t.Errorf("an audit found %v, %v", found, err)
	}
	if got := s.Run(t, "backup", filepath.Join(t.TempDir(), "copy.db"), "--store", address); got.Code != 1 || !strings.Contains(got.Stderr, "pg_dump") {
		t.Errorf("backup: %v", got)
	}
	if got := s.Run(t, "copy", "--store", address, "--to", "sqlite:"+filepath.Join(t.TempDir(), "copy.db")); got.Code != 1 || !strings.Contains(got.Stderr, "stop every server") {
		t.Errorf("a copy of a store in use: %v", got)
	}
	sound(t, s, address)

	one.Kill(t)
	if _, err := client(t, two).Refresh(t.Context(), in.RefreshToken); err != nil {
		t.Errorf("after the other server was killed: %v", err)
	}
	discreet(t, address, one.Said+one.Logged()+two.Said+two.Logged())
}

// copies go from the embedded store into a database, and back.
func copies(t *testing.T, s programs.Server, dsn string) {
	folder := t.TempDir()
	from, between, to := "sqlite:"+filepath.Join(folder, "from.db"), with(t, dsn, "schema", "copied"), "sqlite:"+filepath.Join(folder, "to.db")
	s.Serve(t, "--store", from).Kill(t)
	for _, leg := range [][2]string{{from, between}, {between, to}} {
		within(t, time.Minute, func() error { // the database takes its time to notice that the last leg has ended
			if got := s.Run(t, "copy", "--from", leg[0], "--to", leg[1]); got.Code != 0 || !strings.Contains(got.Stdout, "violations     0\n") {
				return fmt.Errorf("copy: %v", got)
			}
			return nil
		})
		sound(t, s, leg[1])
	}
	r := s.Serve(t, "--store", between)
	if _, err := client(t, r).SignIn(t.Context(), "voyager@example.org", "cicerone-demo"); err != nil {
		t.Errorf("who was copied cannot sign in: %v", err)
	}
}

func refusals(t *testing.T, s programs.Server, dsn string) {
	u := mustParse(t, dsn)
	changed := func(change func(u *url.URL)) string {
		other := *u
		change(&other)
		return other.String()
	}
	migrated(t, s, with(t, dsn, "schema", "newer"))
	runSQL(t, dsn, "INSERT INTO newer.schema_versions VALUES (99999)")
	migrated(t, s, with(t, dsn, "schema", "unfit"))

	for name, tt := range map[string]struct {
		command, address string
		want             []string // in what it says
	}{
		"no tables":            {"serve", with(t, dsn, "schema", "empty"), []string{"schema empty", "server migrate"}},
		"no tables to look at": {"doctor", with(t, dsn, "schema", "empty"), []string{"schema empty", "server migrate"}},
		"newer":                {"serve", with(t, dsn, "schema", "newer"), []string{"newer version", "99999"}},
		"a migration of newer": {"migrate", with(t, dsn, "schema", "newer"), []string{"newer version", "99999"}},
		"unfit":                {"serve", with(t, with(t, dsn, "schema", "unfit"), "synchronous_commit", "off"), []string{"not fit", "synchronous_commit is off"}},
		"no database":          {"serve", changed(func(u *url.URL) { u.Path = "/absent" }), []string{"absent", "CREATE DATABASE"}},
		"a migration of none":  {"migrate", changed(func(u *url.URL) { u.Path = "/absent" }), []string{"absent", "CREATE DATABASE"}},
		"no such parameter":    {"serve", with(t, dsn, "scheme", "mine"), []string{"scheme"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{tt.command, "--store", tt.address}
			if tt.command == "serve" {
				args = append(args, "--addr", "localhost:0", "--log-level", "debug")
			}
			got := s.Run(t, args...)
			if got.Code != 1 || !strings.HasPrefix(got.Stderr, "server: --store postgres://") {
				t.Errorf("%v", got)
			}
			for _, want := range tt.want {
				if !strings.Contains(got.Stderr, want) {
					t.Errorf("%q does not say %q", got.Stderr, want)
				}
			}
			discreet(t, tt.address, got.String())
		})
	}
}

func mustParse(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	must(t, err)
	return u
}

// fewRights: whoever migrates needs CREATE on the database, and nothing else; whoever serves not even that.
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
		discreet(t, address, got.String())
	}

	refused("migrate", owner, "CREATE on the database")
	runSQL(t, dsn, "GRANT CREATE ON DATABASE "+database+" TO "+database+"_owner")
	migrated(t, s, owner)
	sound(t, s, owner)

	refused("doctor", user, "USAGE")
	runSQL(t, dsn, "GRANT USAGE ON SCHEMA cicerone TO "+database+"_user; GRANT ALL ON ALL TABLES IN SCHEMA cicerone TO "+database+"_user")
	r := s.Serve(t, "--store", user, "--demo")
	if _, err := client(t, r).SignIn(t.Context(), "voyager@example.org", "cicerone-demo"); err != nil {
		t.Errorf("sign in: %v", err)
	}
	r.Kill(t)
}

func throughPgBouncer(t *testing.T, s programs.Server, dsn string) {
	direct := with(t, dsn, "schema", "bounced")
	migrated(t, s, direct)
	through := with(t, servers.PgBouncer(t, dsn), "schema", "bounced")
	if got := s.Run(t, "--store", through, "--addr", "localhost:0"); got.Code != 1 || !strings.Contains(got.Stderr, "pgbouncer=true") {
		t.Errorf("a pooler that nobody told of: %v", got)
	}
	through = with(t, through, "pgbouncer", "true")
	r := s.Serve(t, "--store", through, "--demo")
	if _, err := client(t, r).SignIn(t.Context(), "voyager@example.org", "cicerone-demo"); err != nil {
		t.Errorf("sign in: %v", err)
	}
	sound(t, s, through)
	if got := s.Run(t, "migrate", "--store", through); got.Code != 1 || !strings.Contains(got.Stderr, "server itself") {
		t.Errorf("a migration: %v", got)
	}
	if got := s.Run(t, "copy", "--from", through, "--to", "sqlite:"+filepath.Join(t.TempDir(), "copy.db")); got.Code != 1 || !strings.Contains(got.Stderr, "server's own address") {
		t.Errorf("a copy: %v", got)
	}
	discreet(t, through, r.Said+r.Logged())
}

// comesBack: a database that is away is answered with 503, and nothing of it has to be told to the server.
func comesBack(t *testing.T, s programs.Server) {
	db := servers.OwnPostgres(t, servers.PostgresOptions{})
	address := db.DSN("postgres")
	migrated(t, s, address)
	wrong := mustParse(t, address)
	wrong.User = url.UserPassword(wrong.User.Username(), "open sesame")
	for _, command := range []string{"serve", "migrate", "doctor"} {
		got := s.Run(t, command, "--store", wrong.String())
		if got.Code != 1 || !strings.Contains(got.Stderr, "does not let this user in") || strings.Contains(got.Stderr, "sesame") {
			t.Errorf("%s with a wrong password: %v", command, got)
		}
	}
	r := s.Serve(t, "--store", address)
	must(t, client(t, r).Ready(t.Context()))
	db.Kill()
	if err := client(t, r).Ready(t.Context()); err == nil {
		t.Error("it says that it is ready without a database")
	}
	_, err := client(t, r).SignUp(t.Context(), httpapi.SignUp{Name: "Ada", Email: "ada@example.net", Password: "long enough"}, "")
	if err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("without a database: %v", err)
	}
	db.Start()
	within(t, time.Minute, func() error { return client(t, r).Ready(t.Context()) })
	if _, err := client(t, r).SignUp(t.Context(), httpapi.SignUp{Name: "Ada", Email: "ada@example.net", Password: "long enough"}, ""); err != nil {
		t.Errorf("after the database came back: %v", err)
	}
	if !strings.Contains(r.Logged(), "cannot be reached") {
		t.Error("nothing was logged of it")
	}
	discreet(t, address, r.Logged())
}
