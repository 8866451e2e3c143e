package postgrestest

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cicerone-go/cicerone/adapters/bcrypt"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// metropolis describes a large store with the data of two years. It is made of a fixed seed, so it is
// the same in each run. A few users have thousands of conversations, a few interests belong to almost
// every profile, and some statuses are rare.
type metropolis struct {
	people, messages, talks, interests int
	lesser                             int    // reservations, reports, blocks, audit records and events, of each
	secret                             string // the hash of password

	random                           *rand.Rand
	userRows, interestRows, talkRows []ports.Row // to which the others refer
	wrote                            []ports.Row // sender and reader of each message
	reportRows                       []ports.Row
}

// begun is when the first came. The people come in the first year, and then their messages.
var begun = time.Date(2024, time.March, 2, 9, 0, 0, 0, time.UTC)

const year = 365 * 24 * time.Hour

// The first people are those who ask, and can sign in. Their ledgers are long.
const (
	boss   = iota // is an admin
	hub           // is in thousands of conversations, and blocks and reports many
	silent        // never saved a profile
	notable

	password = "correct horse"
)

func newMetropolis(t testing.TB) *metropolis {
	t.Helper()
	hasher, err := bcrypt.New(4)
	must(t, err)
	secret, err := hasher.Hash(t.Context(), password)
	must(t, err)
	m := &metropolis{secret: secret, people: 20_000, messages: 100_000, talks: 10_000, interests: 200, lesser: 5_000}
	if soak() {
		m.people, m.messages, m.talks, m.lesser = 10*m.people, 10*m.messages, 10*m.talks, 10*m.lesser
	}
	m.random = rand.New(rand.NewPCG(1, 2))
	return m
}

// load fills an empty store, and lets the server look at what it has.
func (m *metropolis) load(t testing.TB, dsn string, o postgres.Options) {
	t.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, dsn)
	must(t, err)
	defer func() { must(t, c.Close(ctx)) }()
	// Rows refer to rows made before. To have the server look each of them up, too, takes as long
	// as everything else.
	_, err = c.Exec(ctx, `SELECT set_config('session_replication_role', 'replica', false)
		WHERE (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)`)
	must(t, err)
	for _, part := range []struct {
		table *ports.Table
		rows  iter.Seq[ports.Row]
	}{
		{ports.Users, m.users}, {ports.Sessions, m.sessions}, {ports.RefreshTokens, m.refreshTokens},
		{ports.Wallets, m.wallets}, {ports.TokenTransactions, m.ledger}, {ports.Interests, m.topics},
		{ports.Profiles, m.profiles}, {ports.ProfileInterests, m.links}, {ports.Conversations, m.pairs},
		{ports.Messages, m.letters}, {ports.Correspondents, m.correspondents}, {ports.Reservations, m.reservations}, {ports.Reports, m.reports},
		{ports.ReportedMessages, m.copies}, {ports.Sanctions, m.sanctions},
		{ports.Blocks, m.blocks}, {ports.AuditRecords, m.audits},
		{ports.Events, m.events}, {ports.Counters, m.counters}, {ports.Subscriptions, m.subscriptions}, {ports.SetAside, m.asides},
		{ports.Webhooks, m.webhooks},
	} {
		must(t, copyRows(ctx, c, o.Schema, part.table, part.rows))
	}
	for _, made := range []string{"conversation_activity", "conversation_counts", "profile_bits", "findable_profiles"} {
		_, err = c.Exec(ctx, "UPDATE "+pgx.Identifier{o.Schema, made}.Sanitize()+" SET done = false")
		must(t, err)
	}
	must(t, postgres.Migrate(ctx, dsn, o)) // makes what the adapter derives from these rows
	for _, table := range ports.Tables {
		_, err = c.Exec(ctx, "VACUUM (ANALYZE) "+pgx.Identifier{o.Schema, table.Name}.Sanitize())
		must(t, err)
	}
}

func copyRows(ctx context.Context, c *pgx.Conn, schema string, table *ports.Table, rows iter.Seq[ports.Row]) error {
	columns := table.Names()
	for _, d := range table.Derived() {
		columns = append(columns, d.Name)
	}
	next, stop := iter.Pull(rows)
	defer stop()
	source := pgx.CopyFromFunc(func() ([]any, error) {
		row, more := next()
		if !more {
			return nil, nil
		}
		return append(row, table.Derive(row)...), nil
	})
	if _, err := c.CopyFrom(ctx, pgx.Identifier{schema, table.Name}, columns, source); err != nil {
		return fmt.Errorf("copy %s: %w", table.Name, err)
	}
	return nil
}

// id makes an identifier that was given out at a moment.
func (m *metropolis) id(at time.Time) (u [16]byte) {
	binary.BigEndian.PutUint64(u[:8], uint64(at.UnixMilli())<<16|0x7000|m.random.Uint64()&0xfff)
	binary.BigEndian.PutUint64(u[8:], m.random.Uint64()>>2|1<<63)
	return u
}

// idOf is the id of a row, as text.
func idOf(r ports.Row) string { return id.User(r[0].([16]byte)).String() } //nolint:forcetypeassert // the first column is one

// when is the moment of the i-th of n things in the first year or the second.
func when(nth, i, n int) time.Time {
	return begun.Add(time.Duration(nth)*year + year/time.Duration(n)*time.Duration(i)).Truncate(time.Millisecond)
}

// favourite is a number below n, of which small ones come up far more often.
func (m *metropolis) favourite(n int) int {
	r := m.random.Float64()
	return int(r * r * r * float64(n))
}

func (m *metropolis) users(yield func(ports.Row) bool) {
	first := strings.Fields("Ada Ben Chiara Dragan Élodie Farid Grete Hiro Ines João Katya Luca Maja Noor Otto Priya")
	last := strings.Fields("Adler Brandão Costa Duarte Eriksson Fontana García Horvat Ito Jansen Kowalski Lindqvist Moreau Nováková")
	for i := range m.people {
		at, role, secret := when(0, i, m.people), users.RoleUser, ""
		if i == boss || i%2_000 == 7 {
			role = users.RoleAdmin
		}
		name := first[m.random.IntN(len(first))] + " " + last[m.random.IntN(len(last))]
		email := fmt.Sprintf("%s.%d@example.org", strings.ReplaceAll(name, " ", "."), i)
		if i < notable {
			secret = m.secret
		}
		row := ports.AccountLayout.Row(ports.Account{Password: users.NewPasswordHash(secret), User: users.User{
			ID: m.id(at), Name: name, Email: email, Bio: "I like to show people around.", Role: role, IsActive: i%1_000 != 13,
			Version: 1, CreatedAt: at, UpdatedAt: at,
		}})
		m.userRows = append(m.userRows, row)
		if !yield(row) {
			return
		}
	}
}

func (m *metropolis) userID(i int) any { return m.userRows[i%len(m.userRows)][0] }

func (m *metropolis) sessions(yield func(ports.Row) bool) {
	for i := range m.people {
		at := when(1, i, m.people)
		if !yield(ports.Row{m.sessionID(i), m.userID(i), at, at, nil, nil, nil, false}) {
			return
		}
	}
}

// sessionID is the same one each time it is asked for.
func (m *metropolis) sessionID(i int) [16]byte {
	u := m.userRows[i][0].([16]byte) //nolint:forcetypeassert // users made it
	u[15] ^= 1
	return u
}

func (m *metropolis) refreshTokens(yield func(ports.Row) bool) {
	for i := range m.people {
		at := when(1, i, m.people)
		hash := make([]byte, 32)
		binary.BigEndian.PutUint64(hash, m.random.Uint64())
		if !yield(ports.Row{hash, m.sessionID(i), at, at.Add(30 * 24 * time.Hour), nil, nil}) {
			return
		}
	}
}

// lines is how many lines of 50 tokens each the ledger of somebody has.
func (m *metropolis) lines(i int) int64 {
	if i < notable {
		return int64(m.people / 100)
	}
	return int64(1 + i%3)
}

func (m *metropolis) wallets(yield func(ports.Row) bool) {
	for i := range m.people {
		if !yield(ports.Row{m.id(when(0, i, m.people)), m.userID(i), 50 * m.lines(i), m.lines(i), false}) {
			return
		}
	}
}

func (m *metropolis) ledger(yield func(ports.Row) bool) {
	for i := range m.people {
		at := when(0, i, m.people)
		for seq := int64(1); seq <= m.lines(i); seq++ {
			kind := "BONUS"
			if seq == 1 {
				kind = "SIGNUP_BONUS"
			}
			if !yield(ports.Row{m.userID(i), seq, m.id(at), int64(50), kind, "welcome", "{}", 50 * (seq - 1), 50 * seq, at}) {
				return
			}
		}
	}
}

func (m *metropolis) topics(yield func(ports.Row) bool) {
	for i := range m.interests {
		row := ports.Row{m.id(begun), fmt.Sprintf("Interest %03d", i), nil, i%20 != 19, false, int64(1)}
		m.interestRows = append(m.interestRows, row)
		if !yield(row) {
			return
		}
	}
}

// Forty cities of ten countries.
const (
	countries = 10
	cities    = 40
)

// biography is as long as people write them.
var biography = strings.Repeat("Ask me about the old harbour and the best bakeries. ", 8)

func (m *metropolis) profiles(yield func(ports.Row) bool) {
	for i := range m.people {
		if i == silent {
			continue
		}
		city := m.random.IntN(cities)
		name := strings.Fields(m.userRows[i][1].(string)) //nolint:forcetypeassert // users made it
		age := 18 + (m.random.IntN(40)+m.random.IntN(40))%62
		switch {
		case i%10 == 3:
			age = 0
		case i%5_000 == 17:
			age = 99
		}
		if !yield(ports.ProfileLayout.Row(matching.Profile{
			ID: m.profileID(i), UserID: m.userRows[i][0].([16]byte), //nolint:forcetypeassert // users made it
			FirstName: name[0], LastName: name[1], Age: age, Biography: biography,
			Country: fmt.Sprintf("Country %d", city%countries), City: fmt.Sprintf("City %02d", city), IsSearchable: i%10 != 4,
		})) {
			return
		}
	}
}

// profileID is the same one each time it is asked for.
func (m *metropolis) profileID(i int) [16]byte {
	u := m.userRows[i][0].([16]byte) //nolint:forcetypeassert // users made it
	u[15] ^= 2
	return u
}

func (m *metropolis) links(yield func(ports.Row) bool) {
	for i := range m.people {
		if i == silent {
			continue
		}
		picked := map[int]bool{}
		for range m.random.IntN(11) {
			picked[m.favourite(m.interests)] = true
		}
		if i == hub {
			picked = map[int]bool{0: true, 1: true, 3: true, 15: true, 74: true, 150: true}
		}
		for n := range m.interests {
			if picked[n] && !yield(ports.Row{m.profileID(i), m.interestRows[n][0]}) {
				return
			}
		}
	}
}

func (m *metropolis) pairs(yield func(ports.Row) bool) {
	known := map[[2]int]bool{}
	for i := range m.talks {
		at := when(0, i, m.talks)
		pair := [2]int{m.random.IntN(m.people), m.favourite(m.people)}
		switch i % 50 {
		case 0: // and so the first one, which is the favourite
			pair[0] = hub
		case 1:
			pair[1] = hub
		}
		if pair[0] == pair[1] || known[pair] {
			continue
		}
		known[pair] = true
		row := ports.Row{m.id(at), m.userID(pair[0]), m.userID(pair[1]), at}
		m.talkRows = append(m.talkRows, row)
		if !yield(row) {
			return
		}
	}
}

func (m *metropolis) letters(yield func(ports.Row) bool) {
	for i := range m.messages {
		at := when(1, i, m.messages)
		pair, sender := m.talkRows[m.favourite(len(m.talkRows))], 1+m.random.IntN(2)
		m.wrote = append(m.wrote, ports.Row{pair[sender], pair[3-sender]})
		if !yield(ports.Row{m.id(at), pair[0], pair[sender], "Shall we meet at the fountain at ten? " + at.String(), nil,
			m.random.IntN(10) > 0, at}) {
			return
		}
	}
}

func (m *metropolis) correspondents(yield func(ports.Row) bool) {
	known := map[[2]any]bool{}
	for _, row := range m.wrote {
		pair := [2]any{row[0], row[1]}
		if !known[pair] && !yield(row) {
			return
		}
		known[pair] = true
	}
}

func (m *metropolis) reservations(yield func(ports.Row) bool) {
	statuses := strings.Fields("pending accepted accepted declined cancelled completed completed completed completed completed")
	for i := range m.lesser {
		at, pair := when(1, i, m.lesser), m.talkRows[m.favourite(len(m.talkRows))]
		date := begun.Add(2*year + time.Duration(i)*time.Hour)
		if !yield(ports.Row{m.id(at), pair[0], pair[1], pair[2], pair[2], "A walk", "12.50", int64(125), date, date.Add(time.Hour),
			statuses[m.random.IntN(len(statuses))], at, at}) {
			return
		}
	}
}

func (m *metropolis) reports(yield func(ports.Row) bool) {
	statuses := strings.Fields("pending reviewed resolved resolved resolved resolved resolved dismissed dismissed dismissed")
	for i := range m.lesser {
		at := when(1, i, m.lesser)
		status, by, reviewed := statuses[i%len(statuses)], m.userID(boss), any(at)
		if status == "pending" {
			by, reviewed = nil, nil
		}
		from := i + 1
		if i%10 == 0 {
			from = hub
		}
		row := ports.Row{m.id(at), m.userID(from), m.userID(i + 2), "spam", nil, m.id(at), status, by, nil, reviewed, at}
		m.reportRows = append(m.reportRows, row)
		if !yield(row) {
			return
		}
	}
}

// copies yields the messages that were copied into reports.
func (m *metropolis) copies(yield func(ports.Row) bool) {
	for _, report := range m.reportRows {
		if !yield(ports.Row{report[0], report[5], report[2], "Hello", nil, report[10]}) {
			return
		}
	}
}

func (m *metropolis) sanctions(yield func(ports.Row) bool) {
	for i := range m.lesser {
		at, on := when(1, i, m.lesser), m.userID(i)
		if i%10 == 0 {
			on = m.userID(silent)
		}
		if !yield(ports.Row{m.id(at), on, "warning", "spam", nil, m.userID(boss), at, nil, nil, nil, nil, nil, nil}) {
			return
		}
	}
}

// silentID returns the id of a user who has many sanctions.
func (m *metropolis) silentID() string { return idOf(m.userRows[silent]) }

func (m *metropolis) blocks(yield func(ports.Row) bool) {
	for i := range m.lesser {
		by := i
		if i%10 == 0 {
			by = hub
		}
		if !yield(ports.Row{m.userID(by), m.userID(i + notable), when(1, i, m.lesser)}) {
			return
		}
	}
}

func (m *metropolis) audits(yield func(ports.Row) bool) {
	for i := range m.lesser {
		at := when(1, i, m.lesser)
		if !yield(ports.Row{m.id(at), m.userID(boss), "user.changed", m.userID(i), "asked for", "{}", at}) {
			return
		}
	}
}
