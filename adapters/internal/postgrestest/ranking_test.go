package postgrestest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cicerone-go/cicerone/adapters/internal/histories"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// wrongBits counts the profiles whose interest_bits differ from their rows in profile_interests.
const wrongBits = `SELECT count(*) FROM profiles WHERE
	ARRAY(SELECT n FROM generate_series(0, length(interest_bits) - 1) AS n WHERE get_bit(interest_bits, n) = 1 ORDER BY n)
	<> ARRAY(SELECT number FROM profile_interests JOIN interests ON interests.id = interest_id
		WHERE profile_id = profiles.id AND number < 8192 ORDER BY number)`

// derivedAgree fails the test if what a store makes of several rows is not what these rows have.
func derivedAgree(t testing.TB, dsn string, o postgres.Options) {
	t.Helper()
	ctx := context.Background() // also after the test
	c := connectTo(t, dsn, o)
	for what, query := range map[string]string{
		"the bits of %d profiles": wrongBits, "the counts or the latest messages of %d conversations": wrongTalks,
	} {
		var wrong int
		must(t, c.QueryRow(ctx, query).Scan(&wrong))
		if wrong > 0 {
			t.Errorf(what+" are wrong", wrong)
		}
	}
}

// numberFrom sets the number of the next interest.
func numberFrom(t testing.TB, dsn string, o postgres.Options, next int) {
	t.Helper()
	runSQL(t, dsn, fmt.Sprintf("ALTER TABLE %s.interests ALTER number RESTART WITH %d", pgx.Identifier{o.Schema}.Sanitize(), next))
}

// TestRanking compares searches with the interests of all candidates.
func TestRanking(t *testing.T) {
	dsn := servers.Postgres(t)
	for _, c := range []struct {
		name    string
		first   int // number of the first interest
		version string
		pairs   int
	}{
		{"few interests", 0, "", 12}, {"bits of several lengths", 250, "", 12}, {"more interests than bits", 8180, "", 12},
		{"no interest with a bit", 8192, "", 12}, {"a server without bit_count", 8180, "13", 12}, {"few interests without bit_count", 0, "13", 12},
		{"more candidates than a search looks at first", 0, "", 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, o := t.Context(), fresh(t, dsn)
			numberFrom(t, dsn, o, c.first)
			pool := hostPool(t, dsn, o, func(config *pgxpool.Config) {
				if c.version == "" {
					return
				}
				dial := config.ConnConfig.DialFunc
				config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
					conn, err := dial(ctx, network, address)
					return &older{Conn: conn, version: c.version}, err
				}
			})
			defer pool.Close()
			s, err := postgres.New(ctx, pool, o)
			must(t, err)
			defer func() { must(t, s.Close(context.Background())) }()
			histories.CompareRanks(t, s, c.pairs)
			derivedAgree(t, dsn, o)
		})
	}
}

// TestWrongBitsAreFound changes the bits of two profiles behind the back of the store, and audits it.
func TestWrongBitsAreFound(t *testing.T) {
	ctx, dsn := t.Context(), servers.Postgres(t)
	o := fresh(t, dsn)
	s := open(t, dsn, o)
	defer func() { must(t, s.Close(context.Background())) }()
	histories.CompareRanks(t, s, 12)
	auditor := audit.New(ports.ForAudit(ports.NewStore(s, uow.Policy{})))
	v, err := auditor.Audit(ctx)
	must(t, err)
	if len(v.Violations) > 0 {
		t.Errorf("before the change an audit found %+v", v.Violations)
	}
	runSQL(t, dsn, fmt.Sprintf(`UPDATE %s.profiles SET interest_bits = set_bit("bit"(interest_bits, 512, true), 300, 1)
		WHERE id IN (SELECT id FROM %[1]s.profiles ORDER BY id LIMIT 2)`, pgx.Identifier{o.Schema}.Sanitize()))
	v, err = auditor.Audit(ctx)
	must(t, err)
	if len(v.Violations) != 2 || v.Violations[0].Rule != "derived" || v.Violations[0].Subject == v.Violations[1].Subject {
		t.Errorf("an audit found %+v", v.Violations)
	}
}

// older is a connection that replaces the version in the server's answer.
type older struct {
	net.Conn
	version string
	told    bool
}

func (c *older) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if at := bytes.Index(b[:n], []byte("server_version\x00")); at >= 0 && !c.told {
		c.told = copy(b[at+len("server_version\x00"):n], c.version) > 0
	}
	return n, err
}
