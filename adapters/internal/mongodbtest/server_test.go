package mongodbtest

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

// The example server on MongoDB or its fake, as an operator meets it.

func TestServer(t *testing.T) {
	folder := programs.Build(t, "server", "journey")
	everywhere(t, func(t *testing.T, s target) {
		p := programs.NewServer(t, folder)
		t.Run("several servers on one store", func(t *testing.T) { severalServers(t, p, s.address(t)) })
		t.Run("journey", func(t *testing.T) { journey(t, p, s.address(t), folder) })
		t.Run("copies", func(t *testing.T) { copies(t, p, s) })
		t.Run("a copy keeps servers off", func(t *testing.T) { copyKeepsServersOff(t, p, s) })
		t.Run("refusals", func(t *testing.T) { refusals(t, p, s) })
	})
}

// address is that of a database with nothing in it.
func (s target) address(t *testing.T) string {
	t.Helper()
	return s.addressOf(t, s.empty(t).Database)
}

func (s target) addressOf(t *testing.T, database string) string {
	t.Helper()
	u := mustParse(t, s.uri)
	u.Path = "/" + database
	return u.String()
}

func mustParse(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	must(t, err)
	return u
}

// client talks to a server.
func client(t *testing.T, s *programs.Serving) *httpapi.Client {
	t.Helper()
	c, err := httpapi.NewClient(s.Base)
	must(t, err)
	return c
}

func migrated(t *testing.T, p programs.Server, address string) {
	t.Helper()
	got := p.Run(t, "migrate", "--store", address)
	if got.Code != 0 || !strings.HasPrefix(got.Stdout, "mongodb://") || !strings.HasSuffix(got.Stdout, " is up to date\n") || got.Stderr != "" {
		t.Fatalf("migrate: %v", got)
	}
	discreet(t, address, got.String())
}

// sound fails the test unless a store keeps all rules.
func sound(t *testing.T, p programs.Server, address string) {
	t.Helper()
	if got := p.Run(t, "doctor", "--store", address); got.Code != 0 || !strings.Contains(got.Stdout, "violations     0\n") || got.Stderr != "" {
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

func severalServers(t *testing.T, p programs.Server, address string) {
	for range 2 { // nothing is done without being asked for
		got := p.Run(t, "--store", address, "--addr", "localhost:0")
		if got.Code != 1 || !strings.Contains(got.Stderr, "server migrate") {
			t.Fatalf("without collections: %v", got)
		}
	}
	migrated(t, p, address)
	migrated(t, p, address)
	if p := (programs.Server{Path: p.Path, Env: append(p.Env, "CICERONE_STORE="+address)}); p.Run(t, "migrate").Code != 0 {
		t.Error("an address in the environment was not taken")
	}

	flags := []string{"--store", address, "--access-key", strings.Repeat("a2V5", 11)}
	one, two := p.Serve(t, flags...), p.Serve(t, flags...)
	if !strings.Contains(one.Said, "/"+databaseOf(address)+"\n") || strings.Contains(one.Said, "sign in with") {
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
	admin := programs.Command(t.Context(), p.Env, p.Path, "admin", "grace@example.net", "--store", address, "--bcrypt-cost", "4")
	admin.Stdin = strings.NewReader("round the corner\n")
	if got := programs.Run(t, admin); got.Code != 0 || got.Stdout != "grace@example.net is a new account, and an admin\n" {
		t.Errorf("admin: %v", got)
	}
	grace, err := client(t, one).SignIn(t.Context(), "grace@example.net", "round the corner")
	must(t, err)
	if found, err := client(t, two).As(grace.AccessToken).VerifyLedger(t.Context()); err != nil || found.Wallets != 2 {
		t.Errorf("an audit found %v, %v", found, err)
	}
	if got := p.Run(t, "backup", filepath.Join(t.TempDir(), "copy.db"), "--store", address); got.Code != 1 || !strings.Contains(got.Stderr, "mongodump") {
		t.Errorf("backup: %v", got)
	}
	sound(t, p, address)

	one.Kill(t)
	if _, err := client(t, two).Refresh(t.Context(), in.RefreshToken); err != nil {
		t.Errorf("after the other server was killed: %v", err)
	}
	discreet(t, address, one.Said+one.Logged()+two.Said+two.Logged())
}

func journey(t *testing.T, p programs.Server, address, folder string) {
	migrated(t, p, address)
	r := p.Serve(t, "--store", address, "--demo")
	got := programs.Run(t, programs.Command(t.Context(), nil, filepath.Join(folder, "journey"), "--server", r.Base))
	if got.Code != 0 || !strings.Contains(got.Stdout, "Everything was as it should be.") {
		t.Errorf("journey: %v", got)
	}
	sound(t, p, address)
	if got := p.Run(t, "--store", address, "--addr", "0.0.0.0:0"); got.Code != 1 || !strings.Contains(got.Stderr, "demo data") {
		t.Errorf("demo data, for all to see: %v", got)
	}
}

// copies go from the embedded store into the database and back, and into PostgreSQL and back where there is one: with equal
// audits, else a copy fails.
func copies(t *testing.T, p programs.Server, s target) {
	folder := t.TempDir()
	file := func(name string) string { return "sqlite:" + filepath.Join(folder, name) }
	between := s.address(t)
	p.Serve(t, "--store", file("from.db")).Kill(t)
	copied(t, p, file("from.db"), between)
	copied(t, p, between, file("to.db"))

	r := p.Serve(t, "--store", between)
	if _, err := client(t, r).SignIn(t.Context(), "voyager@example.org", "cicerone-demo"); err != nil {
		t.Errorf("who was copied cannot sign in: %v", err)
	}
	to := file("another.db")
	if got := p.Run(t, "copy", "--from", between, "--to", to); got.Code != 1 || !strings.Contains(got.Stderr, "stop every server") {
		t.Errorf("a copy of a store in use: %v", got)
	}
	if got := p.Run(t, "copy", "--from", file("from.db"), "--to", between); got.Code != 1 || !strings.Contains(got.Stderr, "stop every server") {
		t.Errorf("a copy into a store in use: %v", got)
	}
	r.End(t)
	copied(t, p, between, to) // at once: it has said that it leaves

	t.Run("PostgreSQL", func(t *testing.T) {
		dsn := servers.Postgres(t)
		back := s.address(t)
		must(t, tryCopy(t, p, between, dsn))
		soon(t, time.Minute, func() error { return tryCopy(t, p, dsn, back) }) // PostgreSQL takes its time to notice that the last one has left
		sound(t, p, back)
	})
}

func copied(t *testing.T, p programs.Server, from, to string) {
	t.Helper()
	must(t, tryCopy(t, p, from, to))
	sound(t, p, to)
}

// tryCopy copies a store. The command itself fails where the audits are not equal.
func tryCopy(t *testing.T, p programs.Server, from, to string) error {
	t.Helper()
	got := p.Run(t, "copy", "--from", from, "--to", to)
	discreet(t, from, got.String())
	discreet(t, to, got.String())
	if got.Code != 0 || !strings.Contains(got.Stdout, "violations     0\n") || !strings.Contains(got.Stdout, "is a copy of") {
		return fmt.Errorf("copy: %v", got)
	}
	return nil
}

// Who has a store alone, as a copy has, shuts out whoever else would use it.
func copyKeepsServersOff(t *testing.T, p programs.Server, s target) {
	o := s.fresh(t)
	address := s.addressOf(t, o.Database)
	alone := s.open(t, exclusive(o))
	for _, command := range []string{"serve", "doctor"} {
		got := p.Run(t, command, "--store", address)
		if got.Code != 1 || !strings.Contains(got.Stderr, "the store is in use") {
			t.Errorf("%s: %v", command, got)
		}
		if command == "serve" && !strings.Contains(got.Stderr, "a copy is at work") {
			t.Errorf("it does not say why: %v", got)
		}
	}
	must(t, alone.Close(t.Context()))
	must(t, client(t, p.Serve(t, "--store", address)).Ready(t.Context()))
}
