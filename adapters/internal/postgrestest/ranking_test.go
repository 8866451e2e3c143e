package postgrestest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/histories"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// wrongBits counts the profiles whose interest_bits differ from their rows in profile_interests.
const wrongBits = `SELECT count(*) FROM profiles WHERE
	ARRAY(SELECT n FROM generate_series(0, length(interest_bits) - 1) AS n WHERE get_bit(interest_bits, n) = 1 ORDER BY n)
	<> ARRAY(SELECT number FROM profile_interests JOIN interests ON interests.id = interest_id
		WHERE profile_id = profiles.id AND number < 8192 ORDER BY number)`

// wronglyFindable counts the profiles of which the store does not know whether a search can find
// them.
const wronglyFindable = "SELECT count(*) FROM profiles JOIN users ON users.id = user_id WHERE findable <> (is_searchable AND is_active)"

// derivedAgree fails the test if what a store makes of several rows is not what these rows have.
func derivedAgree(t testing.TB, dsn string, o postgres.Options) {
	t.Helper()
	ctx := context.Background() // also after the test
	c := connectTo(t, dsn, o)
	for what, query := range map[string]string{
		"the bits of %d profiles":                               wrongBits,
		"what makes %d profiles findable":                       wronglyFindable,
		"the counts or the latest messages of %d conversations": wrongTalks,
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

// TestWrongProfilesAreFound changes what profiles have of their interests and their accounts, one
// column after the other, and audits the store.
func TestWrongProfilesAreFound(t *testing.T) {
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
	db := connectTo(t, dsn, o)
	for column, change := range map[string]struct{ of, to, from string }{
		"interest_bits": {"true", `set_bit("bit"(interest_bits, 512, true), 300, 1)`, `"bit"(interest_bits, 256, true)`},
		"findable":      {"EXISTS (SELECT FROM users WHERE users.id = user_id AND NOT is_active)", "true", "false"},
	} {
		rows, err := db.Query(ctx, fmt.Sprintf(`UPDATE profiles SET %s = %s
			WHERE id IN (SELECT id FROM profiles WHERE %s ORDER BY id LIMIT 2) RETURNING id`, column, change.to, change.of))
		must(t, err)
		changed, err := pgx.CollectRows(rows, pgx.RowTo[id.Profile])
		must(t, err)
		slices.SortFunc(changed, id.Profile.Compare)
		var want []tokens.Violation
		for _, profile := range changed {
			want = append(want, tokens.Violation{
				Rule: "derived", Subject: profile.String(),
				Detail: fmt.Sprintf("profiles.%s does not agree with the rows of which it was made", column),
			})
		}
		v, err := auditor.Audit(ctx)
		must(t, err)
		if !slices.Equal(v.Violations, want) || len(want) != 2 {
			t.Errorf("after %s of %v changed, an audit found %+v", column, changed, v.Violations)
		}
		_, err = db.Exec(ctx, fmt.Sprintf("UPDATE profiles SET %s = %s WHERE id = ANY($1)", column, change.from), changed)
		must(t, err)
	}
	derivedAgree(t, dsn, o)
}

// TestProfilesBesideAccounts saves a profile while another unit changes its account, and the other
// way round. The second unit waits for the first, and findable then agrees with both.
func TestProfilesBesideAccounts(t *testing.T) {
	ctx, dsn := t.Context(), servers.Postgres(t)
	o := fresh(t, dsn)
	s := open(t, dsn, o)
	defer func() { must(t, s.Close(context.Background())) }()
	c := community.New(s, community.NewClock(), id.NewGenerator(nil), uow.Policy{})
	_, pairs, err := c.Populate(ctx, 8)
	must(t, err)
	observer := connect(t, dsn)
	for i, p := range pairs {
		who, profileFirst, active, there := p.Local, i&1 == 0, i&2 == 0, i&4 == 0
		save := func(ctx context.Context, tx ports.Tx) error {
			return tx.Matching().SaveProfile(ctx, matching.Profile{ID: id.Profile(who), UserID: who, IsSearchable: true}, nil)
		}
		change := func(to bool) func(ctx context.Context, tx ports.Tx) error {
			return func(ctx context.Context, tx ports.Tx) error {
				u, err := tx.Users().Hold(ctx, who)
				if err != nil {
					return err
				}
				u.IsActive = to
				return tx.Users().Save(ctx, u)
			}
		}
		first, second := save, change(active)
		if !profileFirst {
			first, second = second, first
		}
		must(t, s.Run(ctx, uow.Write, change(!active)))
		if there {
			must(t, s.Run(ctx, uow.Write, save))
		}
		done := make(chan error, 1)
		must(t, s.Run(ctx, uow.Write, func(ctx context.Context, tx ports.Tx) error {
			if err := first(ctx, tx); err != nil {
				return err
			}
			if _, err := tx.Users().User(ctx, who); err != nil { // a question sends the queue
				return err
			}
			go func() { done <- s.Run(context.WithoutCancel(t.Context()), uow.Write, second) }()
			awaitLock(t, observer)
			return nil
		}))
		must(t, <-done)
		var findable bool
		must(t, connectTo(t, dsn, o).QueryRow(ctx, "SELECT findable FROM profiles WHERE user_id = $1", who).Scan(&findable))
		if findable != active {
			t.Errorf("profile first: %v, with a profile before: %v: findable is %v, active is %v", profileFirst, there, findable, active)
		}
	}
	derivedAgree(t, dsn, o)
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
