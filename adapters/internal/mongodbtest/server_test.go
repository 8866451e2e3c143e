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

// The example server on MongoDB or the fake, run as an operator runs it.

func TestServer(t *testing.T) {
	t.Parallel()
	folder := programs.Build(t, "examples/server", "examples/journey")
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
		t.Run("a copy excludes servers", func(t *testing.T) { copyExcludesServers(t, p, s) })
		t.Run("refusals", func(t *testing.T) { refusals(t, p, s) })
	})
	for name, test := range map[string]func(t *testing.T, p programs.Server){ // on fakes that fail
		"unfit deployment": onUnfitDeployment,
		"wrong password":   withWrongPassword,
		"too few rights":   withTooFewRights,
		"outage":           afterOutage,
		"interrupted copy": resumesCopy,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait for time limits
			test(t, programs.NewServer(t, folder))
		})
	}
}

// address returns the address of a new, empty database.
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

// copies copies a store from SQLite into the database and back, and into PostgreSQL and back if there is one.
// A copy fails if the audits of the two stores differ.
func copies(t *testing.T, p programs.Server, s target) {
	folder := t.TempDir()
	file := func(name string) string { return "sqlite:" + filepath.Join(folder, name) }
	between := s.address(t)
	p.Serve(t, "--store", file("from.db")).Kill(t)
	copied(t, p, file("from.db"), between)
	copied(t, p, between, file("to.db"))

	r := p.Serve(t, "--store", between)
	if err := r.Demo(t); err != nil {
		t.Errorf("sign in after a copy: %v", err)
	}
	to := file("another.db")
	for _, inUse := range [][2]string{{between, to}, {file("from.db"), between}} {
		got := p.Run(t, "copy", "--from", inUse[0], "--to", inUse[1])
		if got.Code != 1 || !strings.Contains(got.Stderr, "stop every server") {
			t.Errorf("a copy from %s to %s while a server runs: %v", inUse[0], inUse[1], got)
		}
	}
	r.End(t)
	copied(t, p, between, to) // succeeds immediately, because the server has removed its document

	t.Run("PostgreSQL", func(t *testing.T) {
		dsn := servers.Postgres(t)
		back := s.address(t)
		must(t, p.Copy(t, between, dsn))
		// PostgreSQL may notice late that the first copy has disconnected.
		workload.Within(t, time.Minute, func() error { return p.Copy(t, dsn, back) })
		p.Sound(t, back)
	})
}

func copied(t *testing.T, p programs.Server, from, to string) {
	t.Helper()
	must(t, p.Copy(t, from, to))
	p.Sound(t, to)
}

// copyExcludesServers checks that servers refuse a store that is open exclusively, as during a copy.
func copyExcludesServers(t *testing.T, p programs.Server, s target) {
	o := s.fresh(t)
	address := s.addressOf(t, o.Database)
	alone := s.open(t, exclusive(o))
	for _, command := range []string{"serve", "doctor"} {
		got := p.Run(t, command, "--store", address)
		if got.Code != 1 || !strings.Contains(got.Stderr, "the store is in use") {
			t.Errorf("%s: %v", command, got)
		}
		if command == "serve" && !strings.Contains(got.Stderr, "a copy is running") {
			t.Errorf("%s: %v, want the reason in the text", command, got)
		}
	}
	must(t, alone.Close(t.Context()))
	readyAndEnded(t, p.Serve(t, "--store", address))
}

// readyAndEnded checks that a server becomes ready, and ends it. A server that is killed may leave a transaction
// open, for which the end of the test, which drops the database, would wait a minute.
func readyAndEnded(t *testing.T, r *programs.Serving) {
	t.Helper()
	must(t, r.Ready(t))
	r.End(t)
}
