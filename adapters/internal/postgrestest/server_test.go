package postgrestest

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// The example server on PostgreSQL, as an operator meets it.

func TestServer(t *testing.T) {
	dsn := servers.Postgres(t)
	home, programs := t.TempDir(), buildExamples(t, "server", "journey")
	s := serverProgram{filepath.Join(programs, "server"), []string{"HOME=" + home, "XDG_DATA_HOME=" + home}}

	t.Run("several servers on one store", func(t *testing.T) { severalServers(t, s, with(t, dsn, "schema", "several")) })
	t.Run("journey", func(t *testing.T) {
		address := with(t, dsn, "schema", "a journey")
		migrated(t, s, address)
		r := s.serve(t, "--store", address, "--demo")
		got := runProgram(t, programCommand(t.Context(), nil, filepath.Join(programs, "journey"), "--server", r.base))
		if got.code != 0 || !strings.Contains(got.stdout, "Everything was as it should be.") {
			t.Errorf("journey: %v", got)
		}
		sound(t, s, address)
		if got := s.run(t, "--store", address, "--addr", "0.0.0.0:0"); got.code != 1 || !strings.Contains(got.stderr, "demo data") {
			t.Errorf("demo data, for all to see: %v", got)
		}
	})
	t.Run("copies", func(t *testing.T) { copies(t, s, dsn) })
	t.Run("refusals", func(t *testing.T) { refusals(t, s, dsn) })
	t.Run("few rights", func(t *testing.T) { fewRights(t, s) })
	t.Run("pgbouncer", func(t *testing.T) { throughPgBouncer(t, s, dsn) })
	t.Run("a server that comes back", func(t *testing.T) { comesBack(t, s) })
}

// with is an address with one more parameter.
func with(t *testing.T, dsn, name, value string) string {
	t.Helper()
	u := mustParse(t, dsn)
	u.RawQuery = strings.TrimPrefix(u.RawQuery+"&"+name+"="+url.PathEscape(value), "&")
	return u.String()
}

func migrated(t *testing.T, s serverProgram, address string) {
	t.Helper()
	got := s.run(t, "migrate", "--store", address)
	if got.code != 0 || !strings.HasPrefix(got.stdout, "postgres://") || !strings.HasSuffix(got.stdout, " is up to date\n") || got.stderr != "" {
		t.Fatalf("migrate: %v", got)
	}
	discreet(t, address, got.String())
}

// sound fails the test unless a store keeps all rules.
func sound(t *testing.T, s serverProgram, address string) {
	t.Helper()
	if got := s.run(t, "doctor", "--store", address); got.code != 0 || !strings.Contains(got.stdout, "violations     0\n") || got.stderr != "" {
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

func severalServers(t *testing.T, s serverProgram, address string) {
	for range 2 { // nothing is done without being asked for
		got := s.run(t, "--store", address, "--addr", "localhost:0")
		if got.code != 1 || !strings.Contains(got.stderr, "server migrate") || !strings.Contains(got.stderr, "schema several") {
			t.Fatalf("without tables: %v", got)
		}
	}
	migrated(t, s, address)
	migrated(t, s, address)
	if s := (serverProgram{s.path, append(s.env, "CICERONE_STORE="+address)}); s.run(t, "migrate").code != 0 {
		t.Error("an address in the environment was not taken")
	}

	flags := []string{"--store", address, "--access-key", strings.Repeat("a2V5", 11)}
	one, two := s.serve(t, flags...), s.serve(t, flags...)
	if !strings.Contains(one.said, "?schema=several\n") || strings.Contains(one.said, "sign in with") {
		t.Errorf("it said:\n%s", one.said)
	}
	in, err := one.client.SignUp(t.Context(), httpapi.SignUp{Name: "Ada", Email: "ada@example.net", Password: "long enough"}, "")
	must(t, err)
	if w, err := two.client.As(in.AccessToken).Wallet(t.Context()); err != nil || w.Balance != 50 {
		t.Errorf("at the other server: wallet %v, %v, want 50 tokens", w, err)
	}
	if _, err := two.client.SignIn(t.Context(), "voyager@example.org", "cicerone-demo"); err == nil {
		t.Error("there is demo data")
	}

	// Beside servers.
	admin := programCommand(t.Context(), s.env, s.path, "admin", "grace@example.net", "--store", address, "--bcrypt-cost", "4")
	admin.Stdin = strings.NewReader("round the corner\n")
	if got := runProgram(t, admin); got.code != 0 || got.stdout != "grace@example.net is a new account, and an admin\n" {
		t.Errorf("admin: %v", got)
	}
	grace, err := one.client.SignIn(t.Context(), "grace@example.net", "round the corner")
	must(t, err)
	if found, err := two.client.As(grace.AccessToken).VerifyLedger(t.Context()); err != nil || found.Wallets != 2 {
		t.Errorf("an audit found %v, %v", found, err)
	}
	if got := s.run(t, "backup", filepath.Join(t.TempDir(), "copy.db"), "--store", address); got.code != 1 || !strings.Contains(got.stderr, "pg_dump") {
		t.Errorf("backup: %v", got)
	}
	if got := s.run(t, "copy", "--store", address, "--to", "sqlite:"+filepath.Join(t.TempDir(), "copy.db")); got.code != 1 || !strings.Contains(got.stderr, "stop every server") {
		t.Errorf("a copy of a store in use: %v", got)
	}
	sound(t, s, address)

	one.kill(t)
	if _, err := two.client.Refresh(t.Context(), in.RefreshToken); err != nil {
		t.Errorf("after the other server was killed: %v", err)
	}
	discreet(t, address, one.said+one.logged()+two.said+two.logged())
}

// copies go from the embedded store into a database, and back.
func copies(t *testing.T, s serverProgram, dsn string) {
	folder := t.TempDir()
	from, between, to := "sqlite:"+filepath.Join(folder, "from.db"), with(t, dsn, "schema", "copied"), "sqlite:"+filepath.Join(folder, "to.db")
	s.serve(t, "--store", from).kill(t)
	for _, leg := range [][2]string{{from, between}, {between, to}} {
		within(t, time.Minute, func() error { // the database takes its time to notice that the last leg has ended
			if got := s.run(t, "copy", "--from", leg[0], "--to", leg[1]); got.code != 0 || !strings.Contains(got.stdout, "violations     0\n") {
				return fmt.Errorf("copy: %v", got)
			}
			return nil
		})
		sound(t, s, leg[1])
	}
	r := s.serve(t, "--store", between)
	if _, err := r.client.SignIn(t.Context(), "voyager@example.org", "cicerone-demo"); err != nil {
		t.Errorf("who was copied cannot sign in: %v", err)
	}
}

func refusals(t *testing.T, s serverProgram, dsn string) {
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
			got := s.run(t, args...)
			if got.code != 1 || !strings.HasPrefix(got.stderr, "server: --store postgres://") {
				t.Errorf("%v", got)
			}
			for _, want := range tt.want {
				if !strings.Contains(got.stderr, want) {
					t.Errorf("%q does not say %q", got.stderr, want)
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
func fewRights(t *testing.T, s serverProgram) {
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
		got := s.run(t, command, "--store", address)
		if got.code != 1 || !strings.Contains(got.stderr, "permission denied") || !strings.Contains(got.stderr, want) {
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
	r := s.serve(t, "--store", user, "--demo")
	if _, err := r.client.SignIn(t.Context(), "voyager@example.org", "cicerone-demo"); err != nil {
		t.Errorf("sign in: %v", err)
	}
	r.kill(t)
}

func throughPgBouncer(t *testing.T, s serverProgram, dsn string) {
	direct := with(t, dsn, "schema", "bounced")
	migrated(t, s, direct)
	through := with(t, servers.PgBouncer(t, dsn), "schema", "bounced")
	if got := s.run(t, "--store", through, "--addr", "localhost:0"); got.code != 1 || !strings.Contains(got.stderr, "pgbouncer=true") {
		t.Errorf("a pooler that nobody told of: %v", got)
	}
	through = with(t, through, "pgbouncer", "true")
	r := s.serve(t, "--store", through, "--demo")
	if _, err := r.client.SignIn(t.Context(), "voyager@example.org", "cicerone-demo"); err != nil {
		t.Errorf("sign in: %v", err)
	}
	sound(t, s, through)
	if got := s.run(t, "migrate", "--store", through); got.code != 1 || !strings.Contains(got.stderr, "server itself") {
		t.Errorf("a migration: %v", got)
	}
	if got := s.run(t, "copy", "--from", through, "--to", "sqlite:"+filepath.Join(t.TempDir(), "copy.db")); got.code != 1 || !strings.Contains(got.stderr, "server's own address") {
		t.Errorf("a copy: %v", got)
	}
	discreet(t, through, r.said+r.logged())
}

// comesBack: a database that is away is answered with 503, and nothing of it has to be told to the server.
func comesBack(t *testing.T, s serverProgram) {
	db := servers.OwnPostgres(t, servers.PostgresOptions{})
	address := db.DSN("postgres")
	migrated(t, s, address)
	wrong := mustParse(t, address)
	wrong.User = url.UserPassword(wrong.User.Username(), "open sesame")
	for _, command := range []string{"serve", "migrate", "doctor"} {
		got := s.run(t, command, "--store", wrong.String())
		if got.code != 1 || !strings.Contains(got.stderr, "does not let this user in") || strings.Contains(got.stderr, "sesame") {
			t.Errorf("%s with a wrong password: %v", command, got)
		}
	}
	r := s.serve(t, "--store", address)
	must(t, r.client.Ready(t.Context()))
	db.Kill()
	if err := r.client.Ready(t.Context()); err == nil {
		t.Error("it says that it is ready without a database")
	}
	_, err := r.client.SignUp(t.Context(), httpapi.SignUp{Name: "Ada", Email: "ada@example.net", Password: "long enough"}, "")
	if err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("without a database: %v", err)
	}
	db.Start()
	within(t, time.Minute, func() error { return r.client.Ready(t.Context()) })
	if _, err := r.client.SignUp(t.Context(), httpapi.SignUp{Name: "Ada", Email: "ada@example.net", Password: "long enough"}, ""); err != nil {
		t.Errorf("after the database came back: %v", err)
	}
	if !strings.Contains(r.logged(), "cannot be reached") {
		t.Error("nothing was logged of it")
	}
	discreet(t, address, r.logged())
}
