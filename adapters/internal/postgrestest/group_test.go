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
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// crowd is the pairs of users of a store, who send messages, and propose and move reservations at
// the same time.
type crowd struct {
	*community.Community
	t      *testing.T
	dsn    string
	schema string // quoted
	store  *postgres.Store
	clock  *community.Clock
	pairs  []community.Pair
	admin  id.User
	conn   *pgx.Conn // not one of the store's
}

func newCrowd(t *testing.T, o postgres.Options, pairs int) *crowd {
	t.Helper()
	dsn := servers.Postgres(t)
	o.Schema = fresh(t, dsn).Schema
	store := open(t, dsn, o)
	return crowdOver(t, dsn, o, store, pairs)
}

// crowdOver is newCrowd for a store that is open.
func crowdOver(t *testing.T, dsn string, o postgres.Options, store *postgres.Store, pairs int) *crowd {
	t.Helper()
	ctx := context.Background()
	t.Cleanup(func() { must(t, store.Close(ctx)) })
	s := &crowd{t: t, dsn: dsn, conn: connect(t, dsn), schema: pgx.Identifier{o.Schema}.Sanitize(), store: store, clock: community.NewClock()}
	s.Community = community.New(store, s.clock, id.NewGenerator(nil), uow.Policy{MaxTime: time.Minute})
	var err error
	s.admin, s.pairs, err = s.Populate(ctx, pairs)
	must(t, err)
	return s
}

// act is what a user does at the same time as others.
type act struct {
	name  string          // the content of a message, or the move and the id of a reservation
	ctx   context.Context // of the caller; nil means one without an end
	do    func(ctx context.Context) (id string, err error)
	again bool  // another has the same key
	want  error // of do
	other error // another one that do may return instead; nil if there is none

	id  string // of the message or the reservation
	err error
}

// sends returns the sending of a message.
func (s *crowd) sends(by id.User, in id.Conversation, content string, key idempotency.Key, want error) *act {
	return &act{name: content, want: want, do: func(ctx context.Context) (string, error) {
		m, err := s.Messaging.Send(ctx, by, in, messaging.Draft{Content: content}, key)
		return m.ID.String(), err
	}}
}

// atOnce does everything at the same time.
func (s *crowd) atOnce(all ...*act) {
	s.t.Helper()
	var done sync.WaitGroup
	begin := make(chan struct{})
	for _, a := range all {
		if a.ctx == nil {
			a.ctx = context.Background()
		}
		done.Go(func() {
			<-begin
			a.id, a.err = a.do(a.ctx)
		})
	}
	close(begin)
	done.Wait()
}

// check does everything at the same time, and fails the test unless each act returns what it wants.
func (s *crowd) check(all ...*act) {
	s.t.Helper()
	s.atOnce(all...)
	for _, a := range all {
		wanted := a.err == nil && a.want == nil || a.want != nil && errors.Is(a.err, a.want)
		if !wanted && (a.other == nil || !errors.Is(a.err, a.other)) {
			s.t.Errorf("%q returned %v, want %v", a.name, a.err, a.want)
		}
	}
}

// others returns one message of each pair after the first ones.
func (s *crowd) others(first, round int) (all []*act) {
	for i, p := range s.pairs[first:] {
		all = append(all, s.sends(p.Voyager, p.Talk, fmt.Sprintf("round %d, message %d", round, i), "", nil))
	}
	return all
}

// stored returns how often each message is stored, and the transactions that did it.
func (s *crowd) stored() (messages map[string]int, transactions map[string]bool) {
	s.t.Helper()
	rows, err := s.conn.Query(s.t.Context(), "SELECT content, xmin::text FROM "+s.schema+".messages")
	must(s.t, err)
	messages, transactions = map[string]int{}, map[string]bool{}
	var content, transaction string
	_, err = pgx.ForEachRow(rows, []any{&content, &transaction}, func() error {
		messages[content]++
		transactions[transaction] = true
		return nil
	})
	must(s.t, err)
	return messages, transactions
}

// audited fails the test unless every rule of the store holds.
func (s *crowd) audited() {
	s.t.Helper()
	found, err := s.Auditor.Audit(context.Background())
	must(s.t, err)
	for _, v := range found.Violations {
		s.t.Errorf("the audit found %+v", v)
	}
}

// tally counts what shared transactions.
type tally struct{ messages, inTransactions, moves, inOthers, mixed, proposals, besideSends int }

// count counts the messages, moves and proposals of a crowd, and the transactions that they shared.
func (n *tally) count(s *crowd) {
	stored, sent := s.stored()
	statuses, moved := s.moved()
	*n = tally{inTransactions: len(sent), inOthers: len(moved)}
	for transaction, proposals := range s.proposed() {
		if proposals > 1 {
			n.proposals++
		}
		if sent[transaction] {
			n.besideSends++
		}
	}
	for _, times := range stored {
		n.messages += times
	}
	for _, status := range statuses {
		if status != reservations.Pending {
			n.moves++
		}
	}
	for transaction := range moved {
		if sent[transaction] {
			n.mixed++
		}
	}
}

// all reports whether some of each, and some of each with messages, have shared transactions.
func (n *tally) all() bool {
	return n.inTransactions < n.messages && n.inOthers < n.moves && n.mixed > 0 && n.proposals > 0 && n.besideSends > 0
}

// none reports whether nothing has shared a transaction.
func (n *tally) none() bool {
	return n.inTransactions == n.messages && n.inOthers == n.moves && n.mixed+n.proposals+n.besideSends == 0
}

// TestGroupCommit sends messages, and proposes and moves reservations at the same time. Some are
// refused. They share transactions, unless that is switched off, and each gets its own answer.
func TestGroupCommit(t *testing.T) {
	for name, over := range map[string]func(t *testing.T) *crowd{
		"on":  func(t *testing.T) *crowd { return newCrowd(t, postgres.Options{}, 16) },
		"off": func(t *testing.T) *crowd { return newCrowd(t, postgres.Options{NoGroupCommit: true}, 16) },
		"behind PgBouncer": func(t *testing.T) *crowd {
			dsn := servers.Postgres(t)
			o := fresh(t, dsn)
			o.PgBouncer = true
			return crowdOver(t, dsn, o, open(t, servers.PgBouncer(t, dsn), o), 16)
		},
		"on a host's pool": func(t *testing.T) *crowd {
			dsn := servers.Postgres(t)
			o := fresh(t, dsn)
			pool := hostPool(t, dsn, o)
			t.Cleanup(pool.Close)
			store, err := postgres.New(context.Background(), pool, o)
			must(t, err)
			return crowdOver(t, dsn, o, store, 16)
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
			second, err := s.Messaging.Open(ctx, s.pairs[5].Voyager, gone.Local, "")
			must(t, err)
			booked := &agenda{crowd: s, second: second.Overview.Conversation.ID, want: map[id.Reservation]reservations.Status{}}
			booked.blocked = booked.propose(blocked.Voyager, blocked.Talk)
			must(t, s.Moderation.Block(ctx, blocked.Local, blocked.Voyager))
			signedOut, _ := s.Store.Guarded(ctx, func(ctx context.Context, tx ports.Tx) error {
				return users.CheckPresence(ctx, tx, users.Presence{User: gone.Voyager, Open: users.SessionFilter{Live: true}})
			})
			want := map[string]int{"the first use": 1}
			s.check(s.sends(keyed.Voyager, keyed.Talk, "the first use", "used", nil))
			round, done := 0, tally{}
			for ; round < 20 || round < 500 && !off && !done.all(); round++ {
				key := idempotency.Key(fmt.Sprint("key-", round))
				one, same := s.sends(keyed.Voyager, keyed.Talk, "with a key", key, nil), s.sends(keyed.Voyager, keyed.Talk, "with a key", key, nil)
				same.again = true
				absent := s.sends(gone.Voyager, gone.Talk, "signed out", "", users.ErrNotSignedIn)
				absent.ctx = signedOut
				messages := append(s.others(5, round), one, same, absent,
					s.sends(keyed.Voyager, keyed.Talk, "another", "used", idempotency.ErrKeyReused),
					s.sends(poor.Voyager, poor.Talk, "without a token", "", tokens.ErrTooFewTokens),
					s.sends(blocked.Voyager, blocked.Talk, "blocked", "", messaging.ErrClosed),
					s.sends(gone.Voyager, busy.Talk, "from an outsider", "", messaging.ErrNotFound),
					s.sends(busy.Voyager, busy.Talk, "busy", "", nil),
					s.sends(busy.Local, busy.Talk, "busy", "", nil),
					s.sends(busy.Voyager, busy.Talk, "busy", "", nil))
				moves, end := booked.round(round, signedOut)
				proposals, endProposals := booked.proposals(round, signedOut)
				all := slices.Concat(moves, proposals, messages)
				rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
				s.check(all...)
				endProposals()
				end()
				if one.id != same.id {
					t.Errorf("a key sent the messages %s and %s", one.id, same.id)
				}
				for _, m := range messages {
					if m.want == nil && !m.again {
						want[m.name]++
					}
				}
				if got, _ := s.stored(); !maps.Equal(got, want) {
					t.Fatalf("the store has the messages %v, want %v", got, want)
				}
				done.count(s)
			}
			if off && !done.none() || !off && !done.all() {
				t.Errorf("%+v", done)
			}
			s.audited()
			t.Attr("counts", fmt.Sprintf("%+v, %d rounds", done, round))
		})
	}
}

// TestGroupWaitsForNoLock lets another transaction hold a wallet, a conversation, the account of
// its local, a calendar and two keys. Units that need none of them do not wait.
func TestGroupWaitsForNoLock(t *testing.T) {
	patient := postgres.Options{MaxConns: 60, LockTimeout: time.Minute, StatementTimeout: time.Minute} // those who wait need 35
	s := newCrowd(t, patient, 16)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	poor, quiet, third, fourth, keyed := s.pairs[0], s.pairs[1], s.pairs[2], s.pairs[3], s.pairs[4:6]
	opened, err := s.Messaging.Open(ctx, fourth.Voyager, third.Local, "")
	must(t, err)
	before, err := s.Messaging.Send(ctx, quiet.Voyager, quiet.Talk, messaging.Draft{Content: "before"}, "")
	must(t, err)
	marks := &act{name: "mark as read", do: func(ctx context.Context) (string, error) {
		_, err := s.Messaging.Read(ctx, quiet.Local, quiet.Talk, before.ID, "")
		return "", err
	}}
	first, second := s.propose(third.Voyager, third.Talk), s.propose(fourth.Voyager, opened.Overview.Conversation.ID)
	walk := s.propose(keyed[1].Voyager, keyed[1].Talk)
	tx, err := s.conn.Begin(ctx)
	must(t, err)
	for table, one := range map[string][2]any{
		"wallets": {"user_id", poor.Voyager}, "conversations": {"id", quiet.Talk}, "users": {"id", quiet.Local},
	} {
		_, err := tx.Exec(ctx, fmt.Sprintf("SELECT FROM %s.%s WHERE %s = $1 FOR UPDATE", s.schema, table, one[0]), fmt.Sprint(one[1]))
		must(t, err)
	}
	_, err = s.Reservations.Accept(s.store.Join(ctx, tx), third.Local, first.ID, "")
	must(t, err)
	for _, p := range keyed {
		_, err = s.Messaging.Open(s.store.Join(ctx, tx), p.Voyager, fourth.Local, "taken")
		must(t, err)
	}
	var held sync.WaitGroup
	waits := func(one *act) {
		held.Go(func() {
			if _, err := one.do(t.Context()); err != nil {
				t.Errorf("%q, which waited, returned %v", one.name, err)
			}
		})
	}
	waits(s.accepts(third.Local, second, "", nil))
	waits(s.accepts(poor.Local, s.propose(poor.Voyager, poor.Talk), "", nil))
	for round := range 3 {
		waits(s.sends(poor.Voyager, poor.Talk, "held", "", nil))
		waits(s.sends(quiet.Voyager, quiet.Talk, "held", "", nil))
		waits(s.proposes(quiet.Voyager, quiet.Talk, "", nil))
		waits(s.proposes(quiet.Local, quiet.Talk, "", nil))
		all := s.others(6, round)
		for _, p := range s.pairs[6:] {
			all = append(all, s.cancels(p.Voyager, s.propose(p.Voyager, p.Talk), "", nil), s.proposes(p.Local, p.Talk, "", nil))
		}
		for _, one := range all {
			one.ctx = ctx
		}
		var acts sync.WaitGroup
		acts.Go(func() { s.check(all...) })
		for range 3 { // while the others gather, so that some are in a group with them
			waits(s.sends(keyed[0].Voyager, keyed[0].Talk, "held by its key", "taken", nil))
			waits(s.cancels(keyed[1].Voyager, walk, "taken", nil))
		}
		waits(marks)
		acts.Wait()
	}
	if got, _ := s.stored(); len(got) != 31 || got["held"] != 0 || got["held by its key"] != 0 {
		t.Errorf("the store has %v", got)
	}
	must(t, tx.Rollback(ctx))
	held.Wait()
	if got, _ := s.stored(); got["held"] != 6 || got["held by its key"] != 1 {
		t.Errorf("of the messages that waited, %d of 6 were sent, and %d of 1 with a key", got["held"], got["held by its key"])
	}
	s.audited()
}

// TestGroupThatFails makes the statement of a message, a move or a proposal fail, and with it the
// transaction of its group. All other messages are sent. The sequence counts the failures, also
// those that are rolled back.
func TestGroupThatFails(t *testing.T) {
	s, ctx := newCrowd(t, postgres.Options{}, 12), t.Context()
	faulty := s.pairs[0]
	walk := s.propose(faulty.Voyager, faulty.Talk)
	runSQL(t, s.dsn, fmt.Sprintf(`CREATE SEQUENCE public.faults;
		CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN PERFORM nextval('public.faults'); RAISE 'as asked' USING ERRCODE = 'check_violation'; END $$;
		CREATE TRIGGER fail BEFORE INSERT ON %[1]s.messages
			FOR EACH ROW WHEN (new.content LIKE 'at fault%%') EXECUTE FUNCTION public.fail();
		CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON %[1]s.reservations
			FOR EACH ROW WHEN (new.local_id = '%[2]v') EXECUTE FUNCTION public.fail()`, s.schema, faulty.Local))
	rounds, faults := 0, 0
	for ; rounds < 10 || rounds < 500 && faults == rounds; rounds++ {
		all := s.others(1, rounds)
		bad := s.sends(faulty.Voyager, faulty.Talk, fmt.Sprint("at fault ", rounds), "", nil)
		switch rounds % 3 {
		case 1:
			bad = s.accepts(faulty.Local, walk, "", nil)
		case 2:
			bad = s.proposes(faulty.Voyager, faulty.Talk, "", nil)
		}
		s.atOnce(slices.Insert(slices.Clone(all), rounds%len(all), bad)...)
		if bad.err == nil {
			t.Errorf("%q returned no error", bad.name)
		}
		for _, m := range all {
			if m.err != nil {
				t.Errorf("Send of %q returned %v", m.name, m.err)
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

// TestMembersWhoLeave ends the contexts of some of those who send and move. The others must
// succeed. What returned an error must have changed nothing, unless the error is ErrOutcomeUnknown.
func TestMembersWhoLeave(t *testing.T) {
	s := newCrowd(t, postgres.Options{}, 16)
	var left, unknown, done int
	for round := range size(40, 1000) {
		all := s.others(8, round)
		moves := map[*act]reservations.Reservation{}
		for _, p := range s.pairs[:8] {
			r := s.propose(p.Voyager, p.Talk)
			one := s.cancels(p.Voyager, r, "", nil)
			moves[one], all = r, append(all, one)
		}
		for i, one := range all {
			if i%2 == 0 {
				ctx, cancel := context.WithTimeout(t.Context(), rand.N(6*time.Millisecond))
				defer cancel()
				one.ctx = ctx
			}
		}
		s.atOnce(all...)
		messages, _ := s.stored()
		statuses, _ := s.moved()
		for i, one := range all {
			there := messages[one.name] == 1
			if r, moved := moves[one]; moved {
				there = statuses[r.ID] == reservations.Cancelled
			}
			switch {
			case one.err == nil && !there:
				t.Errorf("%q is not there", one.name)
			case one.err != nil && i%2 != 0:
				t.Errorf("%q, whose caller stayed, returned %v", one.name, one.err)
			case errors.Is(one.err, uow.ErrOutcomeUnknown):
				unknown++
				if there {
					done++
				}
			case one.err != nil:
				left++
				if there {
					t.Errorf("%q is there, and returned %v", one.name, one.err)
				}
			}
		}
	}
	s.audited()
	t.Attr("counts", fmt.Sprintf("%d left, %d of unknown outcome, of which %d were done", left, unknown, done))
}
