package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// countMarkings returns a store that counts the commands that marked messages as read in one step.
func countMarkings(s ports.Storage, done *atomic.Int64) ports.Storage {
	return messagingOver{s, func(repo messaging.Repository) messaging.Repository {
		return countingMarker{repo, repo.(messaging.Marker), done} //nolint:forcetypeassert // the store has one
	}}
}

// stepByStep returns a store that has no form of one step for messages.
func stepByStep(s ports.Storage) ports.Storage {
	return messagingOver{s, func(repo messaging.Repository) messaging.Repository { return struct{ messaging.Repository }{repo} }}
}

type countingMarker struct {
	messaging.Repository
	marker messaging.Marker
	done   *atomic.Int64
}

func (m countingMarker) Mark(ctx context.Context, marking messaging.Marking) (int, idempotency.Outcome, error) {
	n, outcome, err := m.marker.Mark(ctx, marking)
	if outcome == idempotency.Done {
		m.done.Add(1)
	}
	return n, outcome, err
}

// TestMarkingBesideOthers marks messages as read in one step while another transaction holds a row
// that it needs, and ends then. What that has committed decides how many messages are marked.
func TestMarkingBesideOthers(t *testing.T) {
	ctx, dsn := t.Context(), servers.Postgres(t)
	o := fresh(t, dsn)
	o.NoGroupCommit = true
	store := open(t, dsn, o)
	defer func() { must(t, store.Close(context.Background())) }()
	var inOneStep atomic.Int64
	c := community.New(countMarkings(store, &inOneStep), community.NewClock(), id.NewGenerator(nil), uow.Policy{})
	db, observer := connectTo(t, dsn, o), connect(t, dsn)
	const (
		message = `INSERT INTO messages (id, conversation_id, user_id, content, read, created_at)
			SELECT gen_random_uuid(), id, %[1]s_id, 'hi', false, latest_at + interval '1 day' FROM conversations WHERE id = $1;
			UPDATE conversations SET %[1]s_sent = %[1]s_sent + 1, (latest_id, latest_at) = (SELECT id, created_at FROM messages
				WHERE conversation_id = $1 ORDER BY created_at DESC LIMIT 1) WHERE id = $1`
		marking = `UPDATE messages SET read = true WHERE id IN (SELECT messages.id FROM messages JOIN conversations
				ON conversation_id = conversations.id AND user_id = %[1]s_id WHERE conversation_id = $1 ORDER BY messages.created_at LIMIT %[2]d);
			UPDATE conversations SET %[3]s_read = %[3]s_read + %[2]d WHERE id = $1`
		holding = "SELECT FROM conversations WHERE id = $1 FOR NO KEY UPDATE"
	)
	cases := []struct {
		name   string
		held   string
		undone bool // the other transaction is rolled back
		marked int
		steps  bool // the messages are marked step by step
	}{
		{name: "a message by the other", held: fmt.Sprintf(message, "voyager"), marked: 3},
		{name: "a message by the reader", held: fmt.Sprintf(message, "local"), marked: 3},
		{name: "the same messages", held: fmt.Sprintf(marking, "voyager", 3, "local"), steps: true},
		{name: "the first of the messages", held: fmt.Sprintf(marking, "voyager", 1, "local"), marked: 2, steps: true},
		{name: "the same messages and a message", held: fmt.Sprintf(marking, "voyager", 3, "local") + ";" + fmt.Sprintf(message, "voyager"), steps: true},
		{name: "the same messages, in vain", held: fmt.Sprintf(marking, "voyager", 3, "local"), undone: true, marked: 3},
		{name: "messages by the reader", held: fmt.Sprintf(marking, "local", 1, "voyager"), marked: 3},
		{name: "a unit that holds the conversation", held: holding, marked: 3},
	}
	_, pairs, err := c.Populate(ctx, len(cases))
	must(t, err)
	for i, one := range cases {
		t.Run(one.name, func(t *testing.T) {
			p := pairs[i]
			var last messaging.Message
			for _, by := range []id.User{p.Voyager, p.Local, p.Voyager, p.Voyager} {
				last, err = c.Messaging.Send(ctx, by, p.Talk, messaging.Draft{Content: "hello"}, "")
				must(t, err)
			}
			before := inOneStep.Load()
			other, err := db.Begin(ctx)
			must(t, err)
			defer func() { _ = other.Rollback(context.Background()) }() // after a failure
			for statement := range strings.SplitSeq(one.held, ";") {
				_, err = other.Exec(ctx, statement, p.Talk)
				must(t, err)
			}
			n, marked := 0, make(chan error, 1)
			go func() {
				var err error
				n, err = c.Messaging.Read(ctx, p.Local, p.Talk, last.ID, "")
				marked <- err
			}()
			awaitLock(t, observer)
			if one.undone {
				must(t, other.Rollback(ctx))
			} else {
				must(t, other.Commit(ctx))
			}
			must(t, <-marked)
			if n != one.marked {
				t.Errorf("%d messages were marked, want %d", n, one.marked)
			}
			if got := inOneStep.Load() == before; got != one.steps {
				t.Errorf("they were marked step by step: %v, want %v", got, one.steps)
			}
			derivedAgree(t, dsn, o)
		})
	}
}

// reads returns the marking of messages as read, of which so many are unread.
func (s *crowd) reads(by id.User, in id.Conversation, upTo id.Message, key idempotency.Key, unread int, want error) *act {
	return &act{name: "read " + upTo.String(), want: want, do: func(ctx context.Context) (string, error) {
		n, err := s.Messaging.Read(ctx, by, in, upTo, key)
		if err == nil && n != unread {
			s.t.Errorf("%d messages up to %v were marked, want %d", n, upTo, unread)
		}
		return "", err
	}}
}

// TestMarkingInGroups marks messages as read while others are sent. Some markings are refused. They
// share transactions, also with messages, and each gets its own answer.
func TestMarkingInGroups(t *testing.T) {
	s, ctx := newCrowd(t, postgres.Options{}, 16), t.Context()
	signedOut, _ := s.Store.Guarded(ctx, func(ctx context.Context, tx ports.Tx) error {
		return users.CheckPresence(ctx, tx, users.Presence{User: s.pairs[0].Local, Open: users.SessionFilter{Live: true}})
	})
	var marked, inTransactions, mixed int
	rounds := 0
	for ; rounds < 10 || rounds < 500 && (inTransactions == marked || mixed == 0); rounds++ {
		var last []id.Message
		for _, p := range s.pairs[:12] {
			m, err := s.Messaging.Send(ctx, p.Voyager, p.Talk, messaging.Draft{Content: "hello"}, "")
			must(t, err)
			last = append(last, m.ID)
		}
		outside, quiet := s.pairs[10], s.pairs[11]
		absent := s.reads(s.pairs[0].Local, s.pairs[0].Talk, last[0], "", 0, users.ErrNotSignedIn)
		absent.ctx = signedOut
		all := append(s.others(12, rounds), absent,
			s.reads(outside.Local, quiet.Talk, last[11], "", 0, messaging.ErrNotFound),
			s.reads(outside.Local, outside.Talk, last[11], "", 0, fault.Invalid),
			s.reads(outside.Voyager, outside.Talk, last[10], "", 0, nil), // the voyager's own
			s.reads(quiet.Voyager, quiet.Talk, last[11], idempotency.Key(fmt.Sprint("none-", rounds)), 0, nil))
		for i, p := range s.pairs[:10] {
			key := idempotency.Key("")
			if i%2 == 0 {
				key = idempotency.Key(fmt.Sprint("key-", rounds))
			}
			all = append(all, s.reads(p.Local, p.Talk, last[i], key, 1, nil))
			if i == 2 {
				all = append(all, s.reads(p.Local, p.Talk, last[i], key, 1, nil)) // the same command
			}
			if i == 3 && rounds > 0 {
				all = append(all, s.reads(s.pairs[2].Local, p.Talk, last[i], "key-0", 0, idempotency.ErrKeyReused))
			}
		}
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		s.check(all...)
		must(t, s.conn.QueryRow(ctx, fmt.Sprintf(`WITH by AS (SELECT xmin::text, read FROM %s.messages)
			SELECT count(*), count(DISTINCT xmin), count(*) FILTER (WHERE xmin IN (SELECT xmin FROM by WHERE NOT read)) FROM by WHERE read`,
			s.schema)).Scan(&marked, &inTransactions, &mixed))
		if marked != 10*(rounds+1) {
			t.Fatalf("%d messages are marked, want %d", marked, 10*(rounds+1))
		}
	}
	if inTransactions == marked || mixed == 0 {
		t.Errorf("%d messages were marked in %d transactions, of which %d with messages", marked, inTransactions, mixed)
	}
	s.audited()
	t.Attr("counts", fmt.Sprintf("%d messages marked in %d transactions, %d with messages, %d rounds", marked, inTransactions, mixed, rounds))
}

// TestMarkingChecksTheSession marks messages as read in units that begin with the check of a
// session.
func TestMarkingChecksTheSession(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	store := open(t, dsn, fresh(t, dsn))
	defer func() { must(t, store.Close(ctx)) }()
	var inOneStep atomic.Int64
	clock := community.NewClock()
	s, err := community.NewScene(ctx, community.New(countMarkings(store, &inOneStep), clock, id.NewGenerator(nil), uow.Policy{}), clock)
	must(t, err)
	locals, err := s.SignIn(ctx, s.Local, "local0@example.org")
	must(t, err)
	voyagers, err := s.SignIn(ctx, s.Voyager, "voyager0@example.org")
	must(t, err)
	live := users.SessionFilter{Live: true}
	for name, c := range map[string]struct {
		presence users.Presence
		want     error
		steps    bool // the session is checked in a statement of its own
	}{
		"valid":             {presence: users.Presence{User: s.Local, Session: locals, Open: live}},
		"any session":       {presence: users.Presence{User: s.Local, Session: locals}, steps: true},
		"of somebody else":  {presence: users.Presence{User: s.Local, Session: voyagers, Open: live}, want: users.ErrNotSignedIn},
		"of another reader": {presence: users.Presence{User: s.Voyager, Session: voyagers, Open: live}, steps: true},
	} {
		for _, key := range []idempotency.Key{"", "a-key"} {
			t.Run(name+"/"+string(key), func(t *testing.T) {
				m, err := s.Messaging.Send(ctx, s.Voyager, s.Talk, messaging.Draft{Content: "hello"}, "")
				must(t, err)
				_, err = s.Messaging.Read(ctx, s.Local, s.Talk, m.ID, "") // what earlier cases have left
				must(t, err)
				m, err = s.Messaging.Send(ctx, s.Voyager, s.Talk, messaging.Draft{Content: "hello"}, "")
				must(t, err)
				if key != "" {
					key = idempotency.Key(strings.ReplaceAll(name, " ", "-"))
				}
				before := inOneStep.Load()
				guarded, passed := s.Store.Guarded(ctx, func(ctx context.Context, tx ports.Tx) error { return users.CheckPresence(ctx, tx, c.presence) })
				n, err := s.Messaging.Read(guarded, s.Local, s.Talk, m.ID, key)
				if !errors.Is(err, c.want) || c.want == nil && err != nil || passed() != (c.want == nil) {
					t.Errorf("Read returned %v, want %v; the check passed: %v", err, c.want, passed())
				}
				if got := n == 1; got != (c.want == nil) {
					t.Errorf("%d messages were marked", n)
				}
				if got, want := inOneStep.Load() > before, c.want == nil && !c.steps; got != want {
					t.Errorf("they were marked in one step: %v, want %v", got, want)
				}
			})
		}
	}
}
