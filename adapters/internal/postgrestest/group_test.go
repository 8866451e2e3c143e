package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// senders send messages at the same time, over a store with pairs of users.
type senders struct {
	*community.Community
	t     *testing.T
	dsn   string
	table string // of messages
	pairs []community.Pair
	admin id.User
	conn  *pgx.Conn // not one of the store's
}

func newSenders(t *testing.T, o postgres.Options, pairs int) *senders {
	t.Helper()
	dsn := servers.Postgres(t)
	o.Schema = fresh(t, dsn).Schema
	store := open(t, dsn, o)
	return sendersOver(t, dsn, o, store, pairs)
}

// sendersOver is newSenders for a store that is open.
func sendersOver(t *testing.T, dsn string, o postgres.Options, store *postgres.Store, pairs int) *senders {
	t.Helper()
	ctx := context.Background()
	t.Cleanup(func() { must(t, store.Close(ctx)) })
	s := &senders{t: t, dsn: dsn, conn: connect(t, dsn), table: pgx.Identifier{o.Schema, "messages"}.Sanitize()}
	s.Community = community.New(store, community.NewClock(), id.NewGenerator(nil), uow.Policy{MaxTime: time.Minute})
	var err error
	s.admin, s.pairs, err = s.Populate(ctx, pairs)
	must(t, err)
	return s
}

// sending is a message that is sent at the same time as others.
type sending struct {
	ctx     context.Context // of the caller; nil means one without an end
	by      id.User
	in      id.Conversation
	content string
	key     idempotency.Key
	again   bool  // another has the same key
	want    error // of Send

	sent messaging.Message
	err  error
}

// atOnce sends all messages at the same time.
func (s *senders) atOnce(all ...*sending) {
	s.t.Helper()
	var done sync.WaitGroup
	begin := make(chan struct{})
	for _, m := range all {
		if m.ctx == nil {
			m.ctx = context.Background()
		}
		done.Go(func() {
			<-begin
			m.sent, m.err = s.Messaging.Send(m.ctx, m.by, m.in, messaging.Draft{Content: m.content}, m.key)
		})
	}
	close(begin)
	done.Wait()
}

// check sends all messages at the same time, and fails the test unless each Send returns what it
// wants.
func (s *senders) check(all ...*sending) {
	s.t.Helper()
	s.atOnce(all...)
	for _, m := range all {
		if !errors.Is(m.err, m.want) || m.want == nil && m.err != nil {
			s.t.Errorf("Send of %q returned %v, want %v", m.content, m.err, m.want)
		}
	}
}

// others returns one message of each pair after the first ones.
func (s *senders) others(first, round int) (all []*sending) {
	for i, p := range s.pairs[first:] {
		all = append(all, &sending{by: p.Voyager, in: p.Talk, content: fmt.Sprintf("round %d, message %d", round, i)})
	}
	return all
}

// stored returns how often each message is stored, and the number of transactions that did it.
func (s *senders) stored() (messages map[string]int, commits int) {
	s.t.Helper()
	rows, err := s.conn.Query(s.t.Context(), "SELECT content, xmin::text FROM "+s.table)
	must(s.t, err)
	messages, transactions := map[string]int{}, map[string]bool{}
	var content, transaction string
	_, err = pgx.ForEachRow(rows, []any{&content, &transaction}, func() error {
		messages[content]++
		transactions[transaction] = true
		return nil
	})
	must(s.t, err)
	return messages, len(transactions)
}

// audited fails the test unless every rule of the store holds.
func (s *senders) audited() {
	s.t.Helper()
	found, err := s.Auditor.Audit(context.Background())
	must(s.t, err)
	for _, v := range found.Violations {
		s.t.Errorf("the audit found %+v", v)
	}
}

// TestGroupCommit sends messages at the same time, some of which are refused. They share
// transactions, unless that is switched off, and each gets its own answer.
func TestGroupCommit(t *testing.T) {
	for name, over := range map[string]func(t *testing.T) *senders{
		"on":  func(t *testing.T) *senders { return newSenders(t, postgres.Options{}, 16) },
		"off": func(t *testing.T) *senders { return newSenders(t, postgres.Options{NoGroupCommit: true}, 16) },
		"behind PgBouncer": func(t *testing.T) *senders {
			dsn := servers.Postgres(t)
			o := fresh(t, dsn)
			o.PgBouncer = true
			return sendersOver(t, dsn, o, open(t, servers.PgBouncer(t, dsn), o), 16)
		},
		"on a host's pool": func(t *testing.T) *senders {
			dsn := servers.Postgres(t)
			o := fresh(t, dsn)
			pool := hostPool(t, dsn, o)
			t.Cleanup(pool.Close)
			store, err := postgres.New(context.Background(), pool, o)
			must(t, err)
			return sendersOver(t, dsn, o, store, 16)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, ctx, off := over(t), t.Context(), name == "off"
			poor, blocked, busy, keyed, gone := s.pairs[0], s.pairs[1], s.pairs[2], s.pairs[3], s.pairs[4]
			pay := func(u id.User, of tokens.Type, amount int64) {
				t.Helper()
				posted := moderation.Adjustment{Type: of, Amount: amount, Reason: "for the test"}
				_, err := s.Moderation.PostTokens(ctx, s.admin, u, posted, "")
				must(t, err)
			}
			var w tokens.Wallet
			must(t, s.Store.View(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
				w, err = tx.Tokens().Wallet(ctx, poor.Voyager)
				return err
			}))
			pay(poor.Voyager, tokens.Penalty, -w.Balance)
			pay(busy.Local, tokens.Bonus, 10_000)
			must(t, s.Moderation.Block(ctx, blocked.Local, blocked.Voyager))
			signedOut, _ := s.Store.Guarded(ctx, func(ctx context.Context, tx ports.Tx) error {
				return users.CheckPresence(ctx, tx, users.Presence{User: gone.Voyager, Open: users.SessionFilter{Live: true}})
			})
			want := map[string]int{"the first use": 1}
			s.check(&sending{by: keyed.Voyager, in: keyed.Talk, content: "the first use", key: "used"})
			round, sent, commits := 0, 1, 1
			for ; round < 20 || round < 500 && !off && commits == sent; round++ {
				key := idempotency.Key(fmt.Sprint("key-", round))
				one := &sending{by: keyed.Voyager, in: keyed.Talk, content: "with a key", key: key}
				same := &sending{by: keyed.Voyager, in: keyed.Talk, content: "with a key", key: key, again: true}
				all := append(s.others(5, round), one, same,
					&sending{by: keyed.Voyager, in: keyed.Talk, content: "another", key: "used", want: idempotency.ErrKeyReused},
					&sending{by: poor.Voyager, in: poor.Talk, content: "without a token", want: tokens.ErrTooFewTokens},
					&sending{by: blocked.Voyager, in: blocked.Talk, content: "blocked", want: messaging.ErrClosed},
					&sending{ctx: signedOut, by: gone.Voyager, in: gone.Talk, content: "signed out", want: users.ErrNotSignedIn},
					&sending{by: gone.Voyager, in: busy.Talk, content: "from an outsider", want: messaging.ErrNotFound},
					&sending{by: busy.Voyager, in: busy.Talk, content: "busy"},
					&sending{by: busy.Local, in: busy.Talk, content: "busy"},
					&sending{by: busy.Voyager, in: busy.Talk, content: "busy"})
				rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
				s.check(all...)
				if one.sent.ID != same.sent.ID {
					t.Errorf("a key sent the messages %v and %v", one.sent.ID, same.sent.ID)
				}
				for _, m := range all {
					if m.want == nil && !m.again {
						want[m.content]++
						sent++
					}
				}
				var got map[string]int
				if got, commits = s.stored(); !maps.Equal(got, want) {
					t.Fatalf("the store has the messages %v, want %v", got, want)
				}
			}
			if shared := commits < sent; shared == off {
				t.Errorf("%d messages were sent in %d transactions", sent, commits)
			}
			s.audited()
			t.Attr("counts", fmt.Sprintf("%d messages in %d transactions, %d rounds", sent, commits, round))
		})
	}
}

// TestGroupWaitsForNoLock holds the wallet of one sender and the conversation of another. Those who
// send at the same time do not wait for them.
func TestGroupWaitsForNoLock(t *testing.T) {
	patient := postgres.Options{MaxConns: 12, LockTimeout: time.Minute, StatementTimeout: time.Minute}
	s := newSenders(t, patient, 12)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	poor, quiet := s.pairs[0], s.pairs[1]
	tx, err := s.conn.Begin(ctx)
	must(t, err)
	schema := s.table[:len(s.table)-len(`."messages"`)]
	for table, one := range map[string][2]any{"wallets": {"user_id", poor.Voyager}, "conversations": {"id", quiet.Talk}} {
		_, err := tx.Exec(ctx, fmt.Sprintf("SELECT FROM %s.%s WHERE %s = $1 FOR UPDATE", schema, table, one[0]), fmt.Sprint(one[1]))
		must(t, err)
	}
	var held sync.WaitGroup
	for round := range 3 {
		for _, p := range []community.Pair{poor, quiet} {
			held.Go(func() {
				if _, err := s.Messaging.Send(t.Context(), p.Voyager, p.Talk, messaging.Draft{Content: "held"}, ""); err != nil {
					t.Errorf("a message that waited returned %v", err)
				}
			})
		}
		all := s.others(2, round)
		for _, m := range all {
			m.ctx = ctx
		}
		s.check(all...)
	}
	if got, _ := s.stored(); got["held"] != 0 || len(got) != 30 {
		t.Errorf("the store has %v", got)
	}
	must(t, tx.Rollback(ctx))
	held.Wait()
	if got, _ := s.stored(); got["held"] != 6 {
		t.Errorf("%d of 6 messages that waited were sent", got["held"])
	}
	s.audited()
}

// TestGroupThatFails makes the statement of a message fail, and with it the transaction of its
// group. All other messages are sent. The sequence counts the failures, also those that are rolled
// back.
func TestGroupThatFails(t *testing.T) {
	s, ctx := newSenders(t, postgres.Options{}, 12), t.Context()
	runSQL(t, s.dsn, `CREATE SEQUENCE public.faults;
		CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN PERFORM nextval('public.faults'); RAISE 'as asked' USING ERRCODE = 'check_violation'; END $$;
		CREATE TRIGGER fail BEFORE INSERT ON `+s.table+`
			FOR EACH ROW WHEN (new.content LIKE 'at fault%') EXECUTE FUNCTION public.fail()`)
	faulty, rounds, faults := s.pairs[0], 0, 0
	for ; rounds < 10 || rounds < 500 && faults == rounds; rounds++ {
		all := s.others(1, rounds)
		bad := &sending{by: faulty.Voyager, in: faulty.Talk, content: fmt.Sprint("at fault ", rounds)}
		s.atOnce(slices.Insert(slices.Clone(all), rounds%len(all), bad)...)
		if bad.err == nil {
			t.Errorf("%q was sent", bad.content)
		}
		for _, m := range all {
			if m.err != nil {
				t.Errorf("Send of %q returned %v", m.content, m.err)
			}
		}
		must(t, s.conn.QueryRow(ctx, "SELECT last_value FROM public.faults").Scan(&faults))
	}
	if faults == rounds {
		t.Error("no group failed")
	}
	got, _ := s.stored()
	if len(got) != 11*rounds {
		t.Errorf("%d messages were sent, want %d", len(got), 11*rounds)
	}
	s.audited()
}

// TestSendersWhoLeave ends the contexts of some of the senders. The sends of the others must succeed. A send that
// returned an error must have stored nothing, unless the error is ErrOutcomeUnknown.
func TestSendersWhoLeave(t *testing.T) {
	s := newSenders(t, postgres.Options{}, 16)
	var left, unknown, done int
	for round := range size(40, 1000) {
		all := s.others(0, round)
		for i, m := range all {
			if i%2 == 0 {
				ctx, cancel := context.WithTimeout(t.Context(), rand.N(6*time.Millisecond))
				defer cancel()
				m.ctx = ctx
			}
		}
		s.atOnce(all...)
		got, _ := s.stored()
		for i, m := range all {
			sent := got[m.content] == 1
			switch {
			case m.err == nil && !sent:
				t.Errorf("%q is not there", m.content)
			case m.err != nil && i%2 != 0:
				t.Errorf("%q, whose sender stayed, returned %v", m.content, m.err)
			case errors.Is(m.err, uow.ErrOutcomeUnknown):
				unknown++
				if sent {
					done++
				}
			case m.err != nil:
				left++
				if sent {
					t.Errorf("%q is there, and returned %v", m.content, m.err)
				}
			}
		}
	}
	s.audited()
	t.Attr("counts", fmt.Sprintf("%d left, %d of unknown outcome, of which %d were sent", left, unknown, done))
}
