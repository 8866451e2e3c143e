package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/uow"
)

// TestGroupsOfTwoProcesses sends messages of the same people, and accepts reservations of the same
// locals at the same time, through two stores. Each message is sent once, each local has one
// acceptance, and no two groups wait for each other.
func TestGroupsOfTwoProcesses(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	o := fresh(t, dsn)
	s := crowdOver(t, dsn, o, open(t, dsn, o), 8)
	store := open(t, dsn, o)
	defer func() { must(t, store.Close(ctx)) }()
	elsewhere := *s
	elsewhere.Community = community.New(store, s.clock, id.NewGenerator(nil), uow.Policy{MaxTime: time.Minute})
	second := make([]id.Conversation, len(s.pairs)) // of each local, with the voyager of another pair
	for i, p := range s.pairs {
		opened, err := s.Messaging.Open(ctx, s.pairs[(i+1)%len(s.pairs)].Voyager, p.Local, "")
		must(t, err)
		second[i] = opened.Overview.Conversation.ID
	}
	deadlocks := deadlocksOf(t, dsn)
	before, rounds := deadlocks(), size(10, 100)
	for round := range rounds {
		all, acceptances := s.others(0, round), make([][]*act, len(s.pairs))
		for i, p := range s.pairs {
			var key idempotency.Key
			if i%2 == 0 {
				key = idempotency.Key(fmt.Sprint("key-", round))
			}
			all = append(all, elsewhere.sends(p.Voyager, p.Talk, fmt.Sprintf("round %d, elsewhere %d", round, i), key, nil))
			for _, r := range []reservations.Reservation{
				s.propose(p.Voyager, p.Talk), s.propose(s.pairs[(i+1)%len(s.pairs)].Voyager, second[i]),
			} {
				for _, over := range []*crowd{s, &elsewhere} {
					one := over.accepts(p.Local, r, "", nil)
					one.other = fault.Conflict // ErrStatus or ErrOverlap
					all, acceptances[i] = append(all, one), append(acceptances[i], one)
				}
			}
		}
		s.check(all...)
		for i, some := range acceptances {
			n := 0
			for _, one := range some {
				if one.err == nil {
					n++
				}
			}
			if n != 1 {
				t.Errorf("round %d: local %d has %d acceptances", round, i, n)
			}
		}
		s.clock.Advance(2 * time.Hour)
	}
	got, _ := s.stored()
	for content, n := range got {
		if n != 1 {
			t.Errorf("%q was sent %d times", content, n)
		}
	}
	if len(got) != 16*rounds {
		t.Errorf("%d messages were sent, want %d", len(got), 16*rounds)
	}
	if n := deadlocks() - before; n != 0 {
		t.Errorf("%d deadlocks", n)
	}
	s.audited()
}

// deaf is a connection that is cut in place of the response to a group that has something to cut.
type deaf struct {
	net.Conn
	sent []byte // since the last response
}

func (c *deaf) Write(b []byte) (int, error) {
	c.sent = append(c.sent, b...)
	return c.Conn.Write(b)
}

func (c *deaf) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if bytes.Contains(c.sent, []byte("SKIP LOCKED")) && bytes.Contains(c.sent, []byte("to be cut")) {
		return 0, errors.Join(io.ErrUnexpectedEOF, c.Conn.Close())
	}
	if n > 0 {
		c.sent = nil
	}
	return n, err
}

// TestGroupOfUnknownOutcome cuts the connections of groups that have a certain message. All members
// of such a group learn that the outcome is unknown, and those with a key learn it from their
// record.
func TestGroupOfUnknownOutcome(t *testing.T) {
	dsn := servers.Postgres(t)
	o := fresh(t, dsn)
	o.PgBouncer = true // so that each batch has the texts of its statements
	pool := hostPool(t, dsn, o, func(c *pgxpool.Config) {
		dial := c.ConnConfig.DialFunc
		c.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			return &deaf{Conn: conn}, err
		}
	})
	store, err := postgres.New(context.Background(), pool, o)
	must(t, err)
	t.Cleanup(pool.Close)
	s := crowdOver(t, dsn, o, store, 16)
	var messages, moves, rounds int // of unknown outcome
	for ; rounds < 10 || rounds < 500 && (messages == 0 || moves == 0); rounds++ {
		all := append(s.others(8, rounds), s.sends(s.pairs[8].Voyager, s.pairs[8].Talk, fmt.Sprint("to be cut ", rounds), "", nil))
		moved, keyed := map[*act]reservations.Reservation{}, map[*act]bool{}
		for i, p := range s.pairs[:8] {
			var key idempotency.Key
			if i%2 == 0 {
				key = idempotency.Key(fmt.Sprint("key-", rounds))
			}
			r := s.propose(p.Voyager, p.Talk)
			one := s.cancels(p.Voyager, r, key, nil)
			all, moved[one], keyed[one] = append(all, one), r, key != ""
		}
		s.atOnce(all...)
		sent, _ := s.stored()
		statuses, _ := s.moved()
		for _, one := range all {
			r, move := moved[one]
			there := sent[one.name] == 1 || move && statuses[r.ID] == reservations.Cancelled
			unknown := errors.Is(one.err, uow.ErrOutcomeUnknown)
			switch {
			case one.err == nil && !there:
				t.Errorf("%q is not there", one.name)
			case one.err != nil && (!unknown || keyed[one]):
				t.Errorf("%q returned %v", one.name, one.err)
			case unknown && move:
				moves++
			case unknown:
				messages++
			}
		}
	}
	if messages == 0 || moves == 0 {
		t.Errorf("%d messages and %d moves had an unknown outcome", messages, moves)
	}
	s.audited()
	t.Attr("counts", fmt.Sprintf("%d messages and %d moves of unknown outcome in %d rounds", messages, moves, rounds))
}
