package main

import (
	"reflect"
	"strings"
	"testing"
	"time"

	adapter "github.com/cicerone-go/cicerone/adapters/postgres"
)

// Tests that need a PostgreSQL server are in adapters/internal/postgrestest.

func TestPostgresAddresses(t *testing.T) {
	t.Setenv("PGPORT", "5433")
	for address, want := range map[string]postgresAddress{
		"postgres://ada:tiger@db.example.org/cicerone": {
			dsn: "postgres://ada:tiger@db.example.org/cicerone?", shown: "postgres://db.example.org:5433/cicerone",
		},
		"postgres://ada@db:1/a?sslmode=disable&schema=my+own%20one&pool_max_conns=3": {
			dsn: "postgres://ada@db:1/a?sslmode=disable&pool_max_conns=3", options: adapter.Options{Schema: "my+own one"},
			shown: "postgres://db:1/a?schema=my%2Bown+one",
		},
		"postgres://ada@db:1/a?statement_timeout=5s&lock_timeout=250&idle_in_transaction_session_timeout=1m": {
			dsn: "postgres://ada@db:1/a?", shown: "postgres://db:1/a",
			options: adapter.Options{StatementTimeout: 5 * time.Second, LockTimeout: 250 * time.Millisecond, IdleTimeout: time.Minute},
		},
		"postgres://ada@db:1/a?statement_timeout=5s&pgbouncer=true": {
			dsn: "postgres://ada@db:1/a?", shown: "postgres://db:1/a", options: adapter.Options{PgBouncer: true, StatementTimeout: 5 * time.Second},
		},
		"postgres://ada@db:1/a?group_commit=false": {dsn: "postgres://ada@db:1/a?", shown: "postgres://db:1/a", options: adapter.Options{NoGroupCommit: true}},
		"postgres://ada@db:1/a?group_commit=true":  {dsn: "postgres://ada@db:1/a?", shown: "postgres://db:1/a"},
		"postgres:///a?host=/run/postgresql&schema=cicerone": {
			dsn: "postgres:///a?host=/run/postgresql", options: adapter.Options{Schema: "cicerone"}, shown: "postgres:///a?host=%2Frun%2Fpostgresql",
		},
		"postgres://ada:is?it@db:1,other:2/a?pgbouncer=false": {
			dsn: "postgres://ada:is?it@db:1,other:2/a?", shown: "postgres://db:1/a",
		},
		"postgres://[::1]/a": {dsn: "postgres://[::1]/a?", shown: "postgres://[::1]:5433/a"},
	} {
		if got, err := readPostgres(address); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", address, got, err, want)
		}
	}
}

func TestInvalidPostgresAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"postgres":    "postgres://USER@HOST/DATABASE",
		"postgres:db": "postgres://USER@HOST/DATABASE",
		"postgres://db/a?schema=" + strings.Repeat("s", 64):              "63 bytes",
		"postgres://db/a?schema=%zz":                                     "schema",
		"postgres://db/a?pgbouncer=perhaps":                              "pgbouncer: must be true or false",
		"postgres://db/a?group_commit=perhaps":                           "group_commit: must be true or false",
		"postgres://db/a?lock_timeout=soon":                              "lock_timeout: must be a duration like 5s",
		"postgres://db/a?lock_timeout=0":                                 "lock_timeout: must be a duration like 5s",
		"postgres://db/a?lock_timeout=1s&pgbouncer=true":                 "ALTER ROLE",
		"postgres://ada:tiger@db/a?statement_timeout=-5s":                "statement_timeout: must be a duration like 5s",
		"postgres://ada:tiger@db/a?sslmode=perhaps":                      "sslmode",
		"postgres://ada:tiger@db/a?password=tiger&pool_max_conns=plenty": "pool_max_conns",
		"postgres://ada:ti/tiger@db/a":                                   "%2F",
		"postgres://ada:tiger%@db/a":                                     "%25",
		"postgres://ada:tiger/a":                                         "USER:PASSWORD@HOST",
		"postgres://ada:/?tiger@db/a":                                    "%3F",
		"postgres://ada:/?x=tiger@db/a?sslmode=perhaps":                  "%3F",
		"postgres://ada@db/a?password=%tiger":                            "%25",
	} {
		p, err := findStore("--store", address)
		if err == nil || !strings.HasPrefix(err.Error(), "--store: ") || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "tiger") {
			t.Errorf("%s: %v, %v, want an error that contains %q and no password", address, p, err, want)
		}
	}
}

func TestSamePostgresStore(t *testing.T) {
	one, err := findStore("--from", "postgres://ada:tiger@db:5432/a?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	for address, same := range map[string]bool{
		"postgresql://eve:lion@db:5432/a?schema=cicerone": true,
		"postgres://ada:tiger@db:5432/a?schema=other":     false,
		"postgres://ada:tiger@db:5432/b":                  false,
		"postgres://ada:tiger@db:5433/a":                  false,
		"sqlite:a":                                        false,
	} {
		if other, err := findStore("--to", address); err != nil || one.same(other) != same {
			t.Errorf("%s is the same store as %s: %v (error %v)", other, one, !same, err)
		}
	}
}
