package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// PgBouncer starts a PgBouncer for this test, in transaction mode, and returns the address of the
// database of dsn through it. As by default, it rejects startup parameters that it does not know.
// With CICERONE_REQUIRE=postgres the test fails if PgBouncer is not installed.
func PgBouncer(t testing.TB, dsn string) string {
	t.Helper()
	needPgBouncer(t)
	h, err := newHome()
	if err != nil {
		t.Fatal(err)
	}
	through, p, err := h.startPgBouncer(dsn)
	if err != nil {
		t.Fatal(errors.Join(fmt.Errorf("start a PgBouncer: %w", err), h.remove()))
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of PgBouncer's log:\n%s", p.logTail())
		}
		if err := errors.Join(p.end(os.Kill), h.remove()); err != nil {
			t.Error(err)
		}
	})
	return through
}

func needPgBouncer(t testing.TB) {
	t.Helper()
	if binaries("pgbouncer") == "" {
		missing(t, "postgres", "no PgBouncer: install it (apt-get install pgbouncer, brew install pgbouncer)")
	}
}

func (h *home) startPgBouncer(dsn string) (through string, p *process, err error) {
	server, err := parseDSN(dsn)
	if err != nil {
		return "", nil, err
	}
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	password, hasPassword := server.User.Password()
	auth := "scram-sha-256"
	if !hasPassword { // the server accepts clients without a password, so PgBouncer does, too
		auth = "trust"
	}
	users, err := h.write("users", fmt.Sprintf("%s %s\n", quoted(server.User.Username()), quoted(password)))
	if err != nil {
		return "", nil, err
	}
	config, err := h.write("pgbouncer.ini", fmt.Sprintf(`[databases]
* = host=%s port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
pool_mode = transaction
max_client_conn = 1000
default_pool_size = 20
auth_type = %s
auth_file = %s
server_tls_sslmode = prefer
`, server.Hostname(), server.Port(), port, auth, users))
	if err != nil {
		return "", nil, err
	}
	server.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	server.RawQuery = "sslmode=disable"
	through = server.String()
	p, err = h.launch(filepath.Join(binaries("pgbouncer"), "pgbouncer"), []string{config}, func(ctx context.Context) error {
		return ping(ctx, through)
	})
	return through, p, err
}

// quoted returns a name or password as it is written in PgBouncer's list of users.
func quoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
