package mongodbtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// senders send messages at the same time, over a store with pairs of users.
type senders struct {
	*town
	t *testing.T
	s target
}

func newSenders(t *testing.T, s target, o mongodb.Options, pairs int) *senders {
	t.Helper()
	o.Database = s.fresh(t).Database
	w := &town{database: o.Database, store: s.open(t, o), clock: community.NewClock()}
	t.Cleanup(func() { must(t, w.store.Close(context.Background())) })
	w.Community = community.New(w.store, w.clock, id.NewGenerator(nil), uow.Policy{MaxTime: time.Minute})
	var err error
	w.admin, w.pairs, err = w.Populate(context.Background(), pairs)
	must(t, err)
	return &senders{w, t, s}
}

// sent is a message that is sent at the same time as others.
type sent struct {
	ctx     context.Context // of the caller; nil means one without an end
	over    *community.Community
	by      id.User
	in      id.Conversation
	content string
	key     idempotency.Key
	again   bool  // another has the same key
	want    error // of Send

	message messaging.Message
	err     error
}

// atOnce sends all messages at the same time.
func (s *senders) atOnce(all ...*sent) {
	s.t.Helper()
	s.clock.Advance(time.Millisecond)
	var done sync.WaitGroup
	begin := make(chan struct{})
	for _, m := range all {
		if m.ctx == nil {
			m.ctx = context.Background()
		}
		if m.over == nil {
			m.over = s.Community
		}
		done.Go(func() {
			<-begin
			m.message, m.err = m.over.Messaging.Send(m.ctx, m.by, m.in, messaging.Draft{Content: m.content}, m.key)
		})
	}
	close(begin)
	done.Wait()
}

// check sends all messages at the same time, and fails the test unless each Send returns what it wants.
func (s *senders) check(all ...*sent) {
	s.t.Helper()
	s.atOnce(all...)
	for _, m := range all {
		if !errors.Is(m.err, m.want) || m.want == nil && m.err != nil {
			s.t.Errorf("Send of %q returned %v, want %v", m.content, m.err, m.want)
		}
	}
}

// others returns one message of each pair after the first ones.
func (s *senders) others(first, round int) (all []*sent) {
	for i, p := range s.pairs[first:] {
		all = append(all, &sent{by: p.Voyager, in: p.Talk, content: fmt.Sprintf("round %d, message %d", round, i)})
	}
	return all
}

// stored returns how often each message is stored.
func (s *senders) stored() map[string]int {
	s.t.Helper()
	cursor, err := s.s.client(s.t).Database(s.database).Collection("messages").Find(s.t.Context(), bson.D{})
	must(s.t, err)
	var all []struct{ Content string }
	must(s.t, cursor.All(s.t.Context(), &all))
	messages := map[string]int{}
	for _, m := range all {
		messages[m.Content]++
	}
	return messages
}

// kept checks what the conversations of the pairs keep of their messages: the last one, and how many are unread.
func (s *senders) kept() {
	s.t.Helper()
	for i, p := range s.pairs {
		for _, u := range []id.User{p.Voyager, p.Local} {
			o, err := s.Messaging.Conversation(s.t.Context(), u, p.Talk)
			must(s.t, err)
			all, err := s.Messaging.Messages(s.t.Context(), u, p.Talk, page.Request[page.Moment]{Limit: 100})
			must(s.t, err)
			unread := 0
			for _, m := range all.Items {
				if m.UserID != u && !m.Read {
					unread++
				}
			}
			if len(all.Items) > 0 && (o.LastMessage == nil || *o.LastMessage != all.Items[0]) || o.Unread != unread {
				s.t.Errorf("pair %d: the last message is %v and %d are unread, want %d and the last of %v", i, o.LastMessage, o.Unread, unread, all.Items)
			}
		}
	}
}

// inserts counts the commands that insert messages. A group has one.
func (s *senders) inserts() (count func() int) {
	seen := &commands{}
	s.t.Cleanup(s.s.fake.Observe(seen.add))
	n := 0
	return func() int {
		for _, c := range seen.take() {
			if c.Name == "insert" && c.Collection == "messages" {
				n++
			}
		}
		return n
	}
}

// TestGroupCommit sends messages at the same time, some of which are refused. They share transactions, unless
// that is switched off, and each gets its own answer.
func TestGroupCommit(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(t *testing.T) (target, mongodb.Options){
		"on": func(t *testing.T) (target, mongodb.Options) { return onFake(startFake(t)), mongodb.Options{} },
		"off": func(t *testing.T) (target, mongodb.Options) {
			return onFake(startFake(t)), mongodb.Options{NoGroupCommit: true}
		},
		"behind mongos": func(t *testing.T) (target, mongodb.Options) {
			one, _ := startCluster(t, mongofake.Config{})
			return one, mongodb.Options{}
		},
	} {
		t.Run(name, func(t *testing.T) {
			on, o := start(t)
			s, ctx, off := newSenders(t, on, o, 16), t.Context(), name == "off"
			poor, blocked, busy, keyed, gone := s.pairs[0], s.pairs[1], s.pairs[2], s.pairs[3], s.pairs[4]
			pay := func(u id.User, of tokens.Type, amount int64) {
				t.Helper()
				_, err := s.Moderation.PostTokens(ctx, s.admin, u, moderation.Adjustment{Type: of, Amount: amount, Reason: "for the test"}, "")
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
			count := s.inserts()
			want, shared, total := map[string]int{"the first use": 1}, false, 1
			s.check(&sent{by: keyed.Voyager, in: keyed.Talk, content: "the first use", key: "used"})
			for round := 0; round < 10 || round < 200 && !off && !shared; round++ {
				key := idempotency.Key(fmt.Sprint("key-", round))
				one := &sent{by: keyed.Voyager, in: keyed.Talk, content: "with a key", key: key}
				same := &sent{by: keyed.Voyager, in: keyed.Talk, content: "with a key", key: key, again: true}
				all := append(s.others(5, round), one, same,
					&sent{by: keyed.Voyager, in: keyed.Talk, content: "another", key: "used", want: idempotency.ErrKeyReused},
					&sent{by: poor.Voyager, in: poor.Talk, content: "without a token", want: tokens.ErrTooFewTokens},
					&sent{by: blocked.Voyager, in: blocked.Talk, content: "blocked", want: messaging.ErrClosed},
					&sent{ctx: signedOut, by: gone.Voyager, in: gone.Talk, content: "signed out", want: users.ErrNotSignedIn},
					&sent{by: gone.Voyager, in: busy.Talk, content: "from an outsider", want: messaging.ErrNotFound},
					&sent{by: busy.Voyager, in: busy.Talk, content: "busy"},
					&sent{by: busy.Local, in: busy.Talk, content: "busy"},
					&sent{by: busy.Voyager, in: busy.Talk, content: "busy"})
				rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
				s.check(all...)
				if one.message.ID != same.message.ID {
					t.Errorf("a key sent the messages %v and %v", one.message.ID, same.message.ID)
				}
				for _, m := range all {
					if m.want == nil && !m.again {
						want[m.content]++
						total++
					}
				}
				if got := s.stored(); !maps.Equal(got, want) {
					t.Fatalf("the store has the messages %v, want %v", got, want)
				}
				shared = count() < total
			}
			if shared == off {
				t.Errorf("%d messages were inserted by %d commands", total, count())
			}
			workload.Audit(t, s.Community)
			s.kept()
			t.Attr("counts", fmt.Sprintf("%d messages by %d commands", total, count()))
		})
	}
}

// TestGroupThatConflicts makes every transaction of a group conflict. Its members go alone after two tries, and
// each message is sent once.
func TestGroupThatConflicts(t *testing.T) {
	t.Parallel()
	s := newSenders(t, onFake(startFake(t)), mongodb.Options{}, 16)
	tries := map[string]int{} // by the number of conversations: written with the server's locks held
	defer s.s.fake.Inject(mongofake.Fault{
		Command: "update", Times: -1, Error: &mongofake.Error{Code: 112, Labels: []string{"TransientTransactionError"}},
		Match: func(c mongofake.Command) bool {
			if c.Collection == "conversations" {
				tries["conversations"]++
			}
			return c.Collection == "conversations"
		},
	})()
	count, rounds := s.inserts(), 0
	for ; rounds < 5 || rounds < 200 && tries["conversations"] == 0; rounds++ {
		s.check(s.others(0, rounds)...)
	}
	if n := tries["conversations"]; n == 0 || n%2 != 0 {
		t.Errorf("the transactions of groups were tried %d times, want twice each", n)
	}
	if got := s.stored(); len(got) != 16*rounds || count() != 16*rounds {
		t.Errorf("%d messages were inserted by %d commands, want %d each", len(got), count(), 16*rounds)
	}
	workload.Audit(t, s.Community)
}

// twoProcesses start servers for a store, and return how each of two processes reaches them.
var twoProcesses = map[string]func(t *testing.T) (one, other target){
	"a replica set": func(t *testing.T) (one, other target) { one = onFake(startFake(t)); return one, one },
	"two mongos":    func(t *testing.T) (one, other target) { return startCluster(t, mongofake.Config{}) },
}

// TestGroupsOfTwoProcesses sends messages of the same people through two stores. Their groups conflict, and each
// message is sent once.
func TestGroupsOfTwoProcesses(t *testing.T) {
	t.Parallel()
	for name, start := range twoProcesses {
		t.Run(name, func(t *testing.T) {
			one, other := start(t)
			s := newSenders(t, one, mongodb.Options{}, 8)
			store := other.open(t, mongodb.Options{Database: s.database})
			t.Cleanup(func() { must(t, store.Close(context.Background())) })
			elsewhere := community.New(store, s.clock, id.NewGenerator(nil), uow.Policy{MaxTime: time.Minute})
			rounds := 6
			for round := range rounds {
				all := s.others(0, round)
				for i, m := range s.others(0, round) {
					m.over = elsewhere
					m.content += ", elsewhere"
					if i%2 == 0 {
						m.key = idempotency.Key(fmt.Sprint("key-", round))
					}
					all = append(all, m)
				}
				s.check(all...)
			}
			got := s.stored()
			for content, n := range got {
				if n != 1 {
					t.Errorf("%q was sent %d times", content, n)
				}
			}
			if len(got) != 16*rounds {
				t.Errorf("%d messages were sent, want %d", len(got), 16*rounds)
			}
			workload.Audit(t, s.Community)
		})
	}
}

// TestGroupOfUnknownOutcome makes the server answer no commit of a group. All its members learn that the outcome
// is unknown, and those with a key learn it from their record.
func TestGroupOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	s := newSenders(t, onFake(startFake(t)), mongodb.Options{CommitTime: 50 * time.Millisecond}, 16)
	unknown, rounds := 0, 0
	for ; rounds < 5 || rounds < 200 && unknown == 0; rounds++ {
		var groups sync.Map // the sessions of the groups
		stop := s.s.fake.Inject(mongofake.Fault{
			Command: "commitTransaction", Times: -1, TakesEffect: true,
			Error: &mongofake.Error{Code: 50, Labels: []string{"UnknownTransactionCommitResult"}},
			Match: func(c mongofake.Command) bool { _, one := groups.Load(fmt.Sprint(c.Session, c.TxnNumber)); return one },
		})
		unobserve := s.s.fake.Observe(func(c mongofake.Command) {
			if c.Name == "update" && c.Collection == "conversations" {
				groups.Store(fmt.Sprint(c.Session, c.TxnNumber), true)
			}
		})
		all := s.others(0, rounds)
		for i, m := range all {
			if i%2 == 0 {
				m.key = idempotency.Key(fmt.Sprint("key-", rounds))
			}
		}
		s.atOnce(all...)
		stop()
		unobserve()
		got := s.stored()
		for i, m := range all {
			switch {
			case got[m.content] != 1:
				t.Errorf("%q was sent %d times", m.content, got[m.content])
			case i%2 != 0 && errors.Is(m.err, uow.ErrOutcomeUnknown):
				unknown++
			case m.err != nil:
				t.Errorf("Send of %q returned %v", m.content, m.err)
			}
		}
	}
	if unknown == 0 {
		t.Error("no group had an unknown outcome")
	}
	workload.Audit(t, s.Community)
}

// TestSendersWhoLeave ends the contexts of some of the senders. The sends of the others must succeed. A send that
// returned an error must have stored nothing, unless the error is ErrOutcomeUnknown.
func TestSendersWhoLeave(t *testing.T) {
	t.Parallel()
	s := newSenders(t, onFake(startFake(t)), mongodb.Options{}, 16)
	var left, unknown int
	for round := range 20 {
		all := s.others(0, round)
		for i, m := range all {
			if i%2 == 0 {
				ctx, cancel := context.WithTimeout(t.Context(), rand.N(10*time.Millisecond))
				defer cancel()
				m.ctx = ctx
			}
		}
		s.atOnce(all...)
		got := s.stored()
		for i, m := range all {
			stored := got[m.content] == 1
			switch {
			case m.err == nil && !stored:
				t.Errorf("%q is not there", m.content)
			case m.err != nil && i%2 != 0:
				t.Errorf("%q, whose sender stayed, returned %v", m.content, m.err)
			case errors.Is(m.err, uow.ErrOutcomeUnknown):
				unknown++
			case m.err != nil:
				left++
				if stored {
					t.Errorf("%q is there, and returned %v", m.content, m.err)
				}
			}
		}
	}
	if left == 0 {
		t.Error("nobody left")
	}
	workload.Audit(t, s.Community)
	t.Attr("counts", fmt.Sprintf("%d left, %d of unknown outcome", left, unknown))
}
