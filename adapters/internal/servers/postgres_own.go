package servers

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
)

// PostgresOptions has the settings of a server for one test.
type PostgresOptions struct {
	// Settings are settings of postgresql.conf, for example fsync: off.
	Settings map[string]string
	// Folder is an existing folder for the data, about 40 MB at first. "" means a temporary folder.
	Folder string
}

// PostgresServer is a server that a test may start, stop, kill and freeze.
type PostgresServer struct {
	local
	data     string
	password string
}

func postgresBinaries() string { return binaries("postgres", "initdb") }

func needPostgresBinaries(t testing.TB) {
	t.Helper()
	if postgresBinaries() == "" {
		missing(t, "postgres", "no PostgreSQL binaries, which this test needs: apt-get install postgresql, or brew install postgresql")
	}
}

// OwnPostgres starts a server for this test, and ends it with the test. Its commits are durable
// (fsync is on), and it accepts 200 connections. Its only role is a superuser, which is in the DSN.
func OwnPostgres(t testing.TB, options PostgresOptions) *PostgresServer {
	t.Helper()
	needPostgresBinaries(t)
	s, err := newPostgresServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.t = t
	t.Cleanup(func() {
		s.cleanUp()
		if err := os.RemoveAll(s.data); err != nil {
			t.Error(err)
		}
	})
	s.Start()
	return s
}

// newPostgresServer creates the data of a server, and does not start it.
func newPostgresServer(options PostgresOptions) (*PostgresServer, error) {
	h, err := newHome()
	if err != nil {
		return nil, err
	}
	s := &PostgresServer{
		local:    local{home: h},
		data:     filepath.Join(h.folder, "data"),
		password: hex.EncodeToString(randomBytes(16)),
	}
	if options.Folder != "" {
		s.data = filepath.Join(options.Folder, "data")
		err = h.admit(s.data)
	}
	if err == nil {
		err = s.initdb()
	}
	if err == nil {
		s.port, err = freePort()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create a PostgreSQL server: %w", err), h.remove())
	}
	settings := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"port":                    strconv.Itoa(s.port),
		"unix_socket_directories": h.folder,
		"max_connections":         maxConnections,
	}
	maps.Copy(settings, options.Settings)
	args := []string{"-D", s.data}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	s.launch = func() (*process, error) {
		return h.launch(filepath.Join(postgresBinaries(), "postgres"), args, func(ctx context.Context) error {
			return ping(ctx, s.DSN("postgres"))
		})
	}
	return s, nil
}

func (s *PostgresServer) initdb() error {
	if err := os.Mkdir(s.data, 0o700); err != nil {
		return err
	}
	if err := s.home.give(s.data); err != nil {
		return err
	}
	password, err := s.home.write("password", s.password)
	if err != nil {
		return err
	}
	initdb := func(more ...string) error {
		cmd := exec.CommandContext(context.Background(), filepath.Join(postgresBinaries(), "initdb"), append([]string{
			"--pgdata", s.data, "--username", "cicerone", "--pwfile", password, "--auth", "scram-sha-256",
			"--encoding", "UTF8", "--locale", "C", "--no-sync"}, more...)...)
		cmd.Dir = s.home.folder
		cmd.SysProcAttr = s.home.attributes()
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", cmd.Path, err, out)
		}
		return nil
	}
	if initdb("--locale-provider", "icu", "--icu-locale", "en-US") == nil {
		return nil
	}
	return initdb() // the server is older than 15 or was built without ICU
}

// Stop shuts the server down in the fast mode, which disconnects its clients.
func (s *PostgresServer) Stop() {
	s.t.Helper()
	s.end(syscall.SIGINT)
}

// DSN returns the address of a database on the server. The database postgres exists from the
// beginning and is empty.
func (s *PostgresServer) DSN(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword("cicerone", s.password), Host: s.Addr(), Path: "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}
