package postgrestest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"reflect"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// wrongBits counts the profiles whose interest_bits differ from their rows in profile_interests.
const wrongBits = `SELECT count(*) FROM profiles WHERE
	ARRAY(SELECT n FROM generate_series(0, length(interest_bits) - 1) AS n WHERE get_bit(interest_bits, n) = 1 ORDER BY n)
	<> ARRAY(SELECT number FROM profile_interests JOIN interests ON interests.id = interest_id
		WHERE profile_id = profiles.id AND number < 8192 ORDER BY number)`

// bitsAgree fails the test if the bits of a profile are not those of its interests.
func bitsAgree(t testing.TB, dsn string, o postgres.Options) {
	t.Helper()
	ctx := context.Background() // also after the test
	c, err := pgx.Connect(ctx, dsn)
	must(t, err)
	defer func() { must(t, c.Close(ctx)) }()
	_, err = c.Exec(ctx, "SET search_path TO "+pgx.Identifier{o.Schema}.Sanitize())
	must(t, err)
	var wrong int
	must(t, c.QueryRow(ctx, wrongBits).Scan(&wrong))
	if wrong > 0 {
		t.Errorf("the bits of %d profiles are not those of their interests", wrong)
	}
}

// numberFrom sets the number of the next interest.
func numberFrom(t testing.TB, dsn string, o postgres.Options, next int) {
	t.Helper()
	runSQL(t, dsn, fmt.Sprintf("ALTER TABLE %s.interests ALTER number RESTART WITH %d", pgx.Identifier{o.Schema}.Sanitize(), next))
}

// TestRanking compares searches with the ranks of all candidates that Among finds by rows.
func TestRanking(t *testing.T) {
	dsn := servers.Postgres(t)
	for _, c := range []struct {
		name    string
		first   int // number of the first interest
		version string
	}{
		{"few interests", 0, ""}, {"bits of several lengths", 250, ""}, {"more interests than bits", 8180, ""},
		{"no interest with a bit", 8192, ""}, {"a server without bit_count", 8180, "13"},
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
			compareRanks(t, s)
			bitsAgree(t, dsn, o)
		})
	}
}

// TestWrongBitsAreFound changes the bits of two profiles behind the back of the store, and audits it.
func TestWrongBitsAreFound(t *testing.T) {
	ctx, dsn := t.Context(), servers.Postgres(t)
	o := fresh(t, dsn)
	s := open(t, dsn, o)
	defer func() { must(t, s.Close(context.Background())) }()
	compareRanks(t, s)
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

// compareRanks fills a store with people and interests at random.
func compareRanks(t *testing.T, s ports.Storage) {
	t.Helper()
	ctx, r, store := t.Context(), rand.New(rand.NewPCG(1, 2)), ports.NewStore(s, uow.Policy{})
	c := community.New(s, community.NewClock(), id.NewGenerator(nil), uow.Policy{})
	admin, pairs, err := c.Populate(ctx, 12)
	must(t, err)
	var interests []id.Interest
	for i := range 30 {
		name := fmt.Sprint("interest ", i)
		made, err := c.Matching.CreateInterest(ctx, admin, matching.InterestChange{Name: &name}, "")
		must(t, err)
		interests = append(interests, made.ID)
	}
	pick := func(most int) []id.Interest {
		r.Shuffle(len(interests), func(i, j int) { interests[i], interests[j] = interests[j], interests[i] })
		return slices.Clone(interests[:r.IntN(most+1)])
	}
	var people []id.User
	for _, p := range pairs {
		people = append(people, p.Voyager, p.Local)
	}
	for _, who := range people {
		_, err := c.Matching.SaveProfile(ctx, who, matching.Profile{
			Country: []string{"", "France", "Österreich"}[r.IntN(3)], City: []string{"", "Lyon"}[r.IntN(2)],
			Age: []int{0, 20, 40}[r.IntN(3)], IsSearchable: r.IntN(5) > 0,
		}, pick(20))
		must(t, err)
	}
	off := false
	for _, i := range pick(5) {
		_, err := c.Matching.ChangeInterest(ctx, admin, i, matching.InterestChange{IsActive: &off})
		must(t, err)
	}
	shared := 0
	for range 60 {
		q := matching.Query{Viewer: people[r.IntN(len(people))], MinAge: []int{0, 0, 30}[r.IntN(3)]}
		q.Country, q.City = text.SearchFold([]string{"", "france"}[r.IntN(2)]), text.SearchFold([]string{"", "", "lyon"}[r.IntN(3)])
		if r.IntN(2) == 0 {
			q.Interests = pick(4)
		}
		var want, got []matching.Match
		limit := 1 + r.IntN(4)
		must(t, store.Snapshot(ctx, func(ctx context.Context, tx ports.Tx) error {
			all, err := tx.Matching().Candidates(ctx, id.Profile{}, 1000)
			if err != nil {
				return err
			}
			var profiles []id.Profile
			for _, one := range all {
				profiles = append(profiles, one.Profile)
			}
			if _, want, err = tx.Matching().Among(ctx, q, profiles...); err != nil {
				return err
			}
			for after := (*matching.Rank)(nil); ; {
				page, err := tx.Matching().Search(ctx, q, after, limit)
				if err != nil || len(page) == 0 {
					return err
				}
				got = append(got, page...)
				last := matching.PlaceOfMatch(page[len(page)-1])
				after = &last
			}
		}))
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v found\n%+v, want\n%+v", q, got, want)
		}
		for _, m := range got {
			shared += m.Score
		}
	}
	if shared == 0 {
		t.Error("nobody shares an interest")
	}
}
