package mongodbtest

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

// The example server on MongoDB or its fake, as an operator meets it.

func TestServer(t *testing.T) {
	folder := programs.Build(t, "server", "journey")
	everywhere(t, func(t *testing.T, s target) {
		p := programs.NewServer(t, folder)
		t.Run("several servers on one store", func(t *testing.T) {
			address := s.address(t)
			p.Several(t, programs.Shared{
				Address: address, Missing: databaseOf(address), Named: "/" + databaseOf(address), Backup: "mongodump",
			})
		})
		t.Run("journey", func(t *testing.T) { p.Journey(t, s.address(t)) })
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
	if err := r.Demo(t); err != nil {
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
		must(t, p.Copy(t, between, dsn))
		workload.Within(t, time.Minute, func() error { return p.Copy(t, dsn, back) }) // PostgreSQL takes its time to notice that the last one has left
		p.Sound(t, back)
	})
}

func copied(t *testing.T, p programs.Server, from, to string) {
	t.Helper()
	must(t, p.Copy(t, from, to))
	p.Sound(t, to)
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
	must(t, p.Serve(t, "--store", address).Ready(t))
}
