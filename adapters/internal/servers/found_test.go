package servers_test

import (
	"strings"
	"testing"
)

func TestWithoutServer(t *testing.T) {
	for _, c := range []struct{ job, server, install string }{
		{"Postgres", "postgres", "no PostgreSQL server: install it (apt-get install postgresql"},
		{"OwnPostgres", "postgres", "no PostgreSQL binaries"},
		{"PgBouncer", "postgres", "no PgBouncer: install it (apt-get install pgbouncer"},
		{"Mongo", "mongodb", "no MongoDB server: install mongod"},
		{"OwnMongo", "mongodb", "no mongod"},
	} {
		t.Run(c.job, func(t *testing.T) {
			other := map[string]string{"postgres": "mongodb", "mongodb": "postgres"}[c.server]
			for require, want := range map[string]string{
				"":                      "SKIP",
				other:                   "SKIP",
				c.server:                "FAIL",
				other + ", " + c.server: "FAIL",
				"postgresql":            "FAIL", // unknown
			} {
				verdict, output := outcome(t, command(c.job, "nothing", "CICERONE_REQUIRE="+require))
				reason := c.install
				if require == "postgresql" {
					reason = `names "postgresql"`
				}
				if verdict != want || !strings.Contains(output, reason) {
					t.Errorf("CICERONE_REQUIRE=%s: %s, want %s with %q:\n%s", require, verdict, want, reason, output)
				}
				if lines := strings.Count(output, "_test.go:"); lines != 1 {
					t.Errorf("CICERONE_REQUIRE=%s: %d lines, want one:\n%s", require, lines, output)
				}
			}
		})
	}
}

// TestWrongAddress checks that a test fails if the server at a given address does not work, even if
// there are other servers.
func TestWrongAddress(t *testing.T) {
	for _, c := range []struct{ job, variable, address, reason string }{
		{"Postgres", "CICERONE_POSTGRES_DSN", "postgres://u:secret@127.0.0.1:1/d", "connection refused"},
		{"Postgres", "CICERONE_POSTGRES_DSN", "postgres://u:secret@127.0.0.1:x/d", "invalid port"},
		{"Postgres", "CICERONE_POSTGRES_DSN", "host=127.0.0.1 password=secret", "postgres://user:password@host:port/database"},
		{"Mongo", "CICERONE_MONGODB_URI", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=1000", "connection refused"},
		{"Mongo", "CICERONE_MONGODB_URI", "http://u:secret@127.0.0.1", "scheme"},
	} {
		verdict, output := outcome(t, command(c.job, "everything", c.variable+"="+c.address))
		if verdict != "FAIL" || !strings.Contains(output, c.variable) || !strings.Contains(output, c.reason) {
			t.Errorf("%s: %s, want FAIL with %q:\n%s", c.address, verdict, c.reason, output)
		}
		if strings.Contains(output, "secret") {
			t.Errorf("%s: the output contains the password:\n%s", c.address, output)
		}
	}
}
