package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/matchindex"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// messagingOver is a store with another repository of messages: what over returns for its own.
type messagingOver struct {
	ports.Storage
	over func(repo messaging.Repository) messaging.Repository
}

func (s messagingOver) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	return s.Storage.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error { return fn(ctx, messagingOverTx{tx, s}) })
}

type messagingOverTx struct {
	ports.Tx
	of messagingOver
}

func (tx messagingOverTx) Messaging() messaging.Repository { return tx.of.over(tx.Tx.Messaging()) }

// countSends returns a store that counts the messages that it sent in one step.
func countSends(s ports.Storage, sent *atomic.Int64) ports.Storage {
	return messagingOver{s, func(repo messaging.Repository) messaging.Repository {
		return countingSender{repo, repo.(messaging.Sender), sent} //nolint:forcetypeassert // the store has one
	}}
}

type countingSender struct {
	messaging.Repository
	sender messaging.Sender
	sent   *atomic.Int64
}

func (s countingSender) Send(ctx context.Context, sending messaging.Sending) (messaging.Message, idempotency.Outcome, error) {
	m, outcome, err := s.sender.Send(ctx, sending)
	if outcome == idempotency.Done {
		s.sent.Add(1)
	}
	return m, outcome, err
}

// deadlocksOf returns a function that returns the number of deadlocks in a database.
func deadlocksOf(t *testing.T, dsn string) func() int {
	t.Helper()
	observer := connect(t, dsn)
	return func() (n int) {
		t.Helper()
		must(t, observer.QueryRow(t.Context(), "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").Scan(&n))
		return n
	}
}

// TestSendsInOneStepHoldInOrder sends messages in both directions of conversations in both orders,
// beside pictures, reservations and erasures. No two units wait for each other, and no message
// costs twice.
func TestSendsInOneStepHoldInOrder(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	s := open(t, dsn, fresh(t, dsn))
	defer func() { must(t, s.Close(ctx)) }()
	var inOneStep, sends atomic.Int64
	clock := community.NewClock()
	c := community.New(countSends(s, &inOneStep), clock, id.NewGenerator(nil), uow.Policy{MaxTime: time.Minute})
	admin, pairs, err := c.Populate(ctx, 6)
	must(t, err)
	price, err := reservations.ParsePrice("12.50")
	must(t, err)
	image := messaging.Attachment{MediaType: "image/png", Bytes: community.Picture(10, 10)}
	picture := messaging.ParseDataURL([]byte(image.DataURL()))
	deadlocks := deadlocksOf(t, dsn)
	before := deadlocks()
	// Each of the first three pairs has a conversation with the roles swapped, too. The others leave.
	talks := [3][2]id.Conversation{}
	for i, p := range pairs[:3] {
		_, err := c.Matching.SaveProfile(ctx, p.Voyager, matching.Profile{IsSearchable: true}, nil)
		must(t, err)
		_, err = c.Moderation.PostTokens(ctx, admin, p.Local, moderation.Adjustment{Type: tokens.Bonus, Amount: 1_000_000, Reason: "to spend"}, "")
		must(t, err)
		opened, err := c.Messaging.Open(ctx, p.Local, p.Voyager, "")
		must(t, err)
		talks[i] = [2]id.Conversation{p.Talk, opened.Overview.Conversation.ID}
	}
	var all sync.WaitGroup
	work := func(rounds int, do func(round int) error) {
		all.Go(func() {
			for round := range rounds {
				if err := do(round); err != nil {
					t.Errorf("round %d: %v", round, err)
					return
				}
			}
		})
	}
	rounds := size(60, 2000)
	for i, p := range pairs[:3] {
		for n, by := range []id.User{p.Voyager, p.Local, p.Voyager, p.Local} {
			work(rounds, func(round int) error {
				var key idempotency.Key
				if round%2 == 0 {
					key = idempotency.Key(fmt.Sprintf("key-%d", round)) // two senders have one account, and the same keys
				}
				_, err := c.Messaging.Send(ctx, by, talks[i][(n/2+round)%2], messaging.Draft{Content: fmt.Sprint(n, round)}, key)
				switch {
				case errors.Is(err, idempotency.ErrKeyReused):
					return nil
				case err == nil:
					sends.Add(1)
				}
				return err
			})
		}
		for _, by := range []id.User{p.Voyager, p.Local} {
			work(rounds, func(round int) error { // step by step, which hold the same rows
				_, err := c.Messaging.Send(ctx, by, talks[i][round%2], messaging.Draft{Attachment: picture}, "")
				return err
			})
		}
		work(rounds/4, func(round int) error {
			begins := clock.Now().Add(time.Duration(24+round) * time.Hour)
			v, err := c.Reservations.Propose(ctx, p.Voyager, talks[i][0], reservations.Proposal{
				Title: "a walk", Price: price, Date: begins, EndDate: begins.Add(time.Hour),
			}, "")
			if err != nil {
				return err
			}
			if _, err = c.Reservations.Accept(ctx, p.Local, v.Reservation.ID, ""); err != nil {
				return err
			}
			_, err = c.Reservations.Cancel(ctx, p.Voyager, v.Reservation.ID, "")
			return err
		})
	}
	for _, p := range pairs[3:] {
		for _, by := range []id.User{p.Voyager, p.Local} {
			work(rounds, func(int) error {
				_, err := c.Messaging.Send(ctx, by, p.Talk, messaging.Draft{Content: "hello"}, "")
				switch {
				case errors.Is(err, messaging.ErrClosed), errors.Is(err, users.ErrNotSignedIn), errors.Is(err, fault.InsufficientTokens):
					return nil
				case err == nil:
					sends.Add(1)
				}
				return err
			})
		}
		work(1, func(int) error { return c.Privacy.Erase(ctx, p.Voyager, community.Password, users.Device{}) })
	}
	all.Wait()
	found, err := c.Auditor.Audit(ctx)
	must(t, err)
	for _, v := range found.Violations {
		t.Errorf("the audit found %+v", v)
	}
	if n := deadlocks() - before; n != 0 {
		t.Errorf("%d deadlocks", n)
	}
	if n := inOneStep.Load(); n < sends.Load()/2 || n > sends.Load() {
		t.Errorf("%d of %d messages were sent in one step", n, sends.Load())
	}
	t.Attr("counts", fmt.Sprintf("%d messages, %d in one step", sends.Load(), inOneStep.Load()))
}

// TestSendInOneStepChecksTheSession sends messages in units that begin with the check of a session.
func TestSendInOneStepChecksTheSession(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	store := open(t, dsn, fresh(t, dsn))
	defer func() { must(t, store.Close(ctx)) }()
	var inOneStep atomic.Int64
	clock := community.NewClock()
	s, err := community.NewScene(ctx, community.New(countSends(store, &inOneStep), clock, id.NewGenerator(nil), uow.Policy{}), clock)
	must(t, err)
	sessionOf := func(u id.User) id.Session {
		t.Helper()
		all, err := s.Users.Sessions(ctx, u, page.Request[page.Moment]{})
		must(t, err)
		return all.Items[0].ID
	}
	_, err = s.Users.SignIn(ctx, users.SignIn{Email: "otto@example.org", Password: community.Password})
	must(t, err)
	live := users.SessionFilter{Live: true}
	voyagers := sessionOf(s.Voyager)
	valid := users.Presence{User: s.Voyager, Session: voyagers, Open: live}
	for name, c := range map[string]struct {
		presence users.Presence
		want     error
		steps    bool // the session is checked in a statement of its own
	}{
		"valid":               {presence: valid},
		"any session":         {presence: users.Presence{User: s.Voyager, Session: voyagers}, steps: true},
		"opened long ago":     {presence: users.Presence{User: s.Voyager, Session: voyagers, Open: users.SessionFilter{Live: true, CreatedAfter: clock.Now().Add(time.Hour)}}, want: users.ErrNotSignedIn},
		"used long ago":       {presence: users.Presence{User: s.Voyager, Session: voyagers, Open: users.SessionFilter{Live: true, UsedAfter: clock.Now().Add(time.Hour)}}, want: users.ErrNotSignedIn},
		"of somebody else":    {presence: users.Presence{User: s.Voyager, Session: sessionOf(s.Other), Open: live}, want: users.ErrNotSignedIn},
		"of another sender":   {presence: users.Presence{User: s.Other, Session: sessionOf(s.Other), Open: live}, steps: true},
		"without the session": {presence: users.Presence{User: s.Voyager, Open: live}, want: users.ErrNotSignedIn},
	} {
		for _, key := range []idempotency.Key{"", idempotency.Key("a key for " + name)} {
			t.Run(name+"/"+string(key), func(t *testing.T) {
				key := idempotency.Key(strings.ReplaceAll(string(key), " ", "-"))
				before, sent := inOneStep.Load(), messagesIn(t, s)
				guarded, passed := s.Store.Guarded(ctx, func(ctx context.Context, tx ports.Tx) error { return users.CheckPresence(ctx, tx, c.presence) })
				_, err := s.Messaging.Send(guarded, s.Voyager, s.Talk, messaging.Draft{Content: "hello"}, key)
				if !errors.Is(err, c.want) || c.want == nil && err != nil {
					t.Errorf("Send returned %v, want %v", err, c.want)
				}
				if passed() != (c.want == nil) {
					t.Errorf("the check passed: %v", passed())
				}
				if got, want := inOneStep.Load() > before, c.want == nil && !c.steps; got != want {
					t.Errorf("the message was sent in one step: %v, want %v", got, want)
				}
				if got, want := messagesIn(t, s) > sent, c.want == nil; got != want {
					t.Errorf("the message was sent: %v, want %v", got, want)
				}
			})
		}
	}
	must(t, s.Users.EndSession(ctx, s.Voyager, voyagers))
	sent := messagesIn(t, s)
	guarded, _ := s.Store.Guarded(ctx, func(ctx context.Context, tx ports.Tx) error { return users.CheckPresence(ctx, tx, valid) })
	if _, err := s.Messaging.Send(guarded, s.Voyager, s.Talk, messaging.Draft{Content: "hello"}, ""); !errors.Is(err, users.ErrNotSignedIn) {
		t.Errorf("with a session that was revoked, Send returned %v, want %v", err, users.ErrNotSignedIn)
	}
	if messagesIn(t, s) != sent {
		t.Error("a message was sent")
	}
}

// messagesIn returns the number of messages in the conversation of a scene, up to a hundred.
func messagesIn(t *testing.T, s *community.Scene) int {
	t.Helper()
	all, err := s.Messaging.Messages(context.Background(), s.Voyager, s.Talk, page.Request[page.Moment]{Limit: 100})
	must(t, err)
	return len(all.Items)
}

// TestJoinedSubscribersOfAnIndexedStore sends a message through an index of profiles, over a store with a
// joined subscriber. The subscriber handles the event, and the message is sent step by step.
func TestJoinedSubscribersOfAnIndexedStore(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	store := open(t, dsn, fresh(t, dsn))
	defer func() { must(t, store.Close(ctx)) }()
	clock, ids, handled := community.NewClock(), id.NewGenerator(nil), 0
	joined, err := events.Join(events.JoinDeps[ports.Tx]{
		Runner: store, With: ports.WithEvents, Clock: clock.Now, IDs: ids, Policy: events.DefaultPolicy(), Report: func(err error) { t.Error(err) },
		Subscribers: []ports.JoinedSubscriber{{
			Name: "diary", Types: []events.Type{events.TypeMessageSent},
			Handle: func(context.Context, ports.Tx, events.Event) error { handled++; return nil },
		}},
	})
	must(t, err)
	index, err := matchindex.New(matchindex.Deps{Runner: joined, Policy: matchindex.DefaultPolicy()})
	must(t, err)
	s, err := community.NewScene(ctx, community.New(storeOf{store, index}, clock, ids, uow.Policy{}), clock)
	must(t, err)
	before := handled
	_, err = s.Messaging.Send(ctx, s.Voyager, s.Talk, messaging.Draft{Content: "hello"}, "")
	must(t, err)
	if handled != before+1 {
		t.Errorf("the subscriber handled %d events, want 1", handled-before)
	}
}

// storeOf is a store with another runner.
type storeOf struct {
	ports.Storage
	runner uow.Runner[ports.Tx]
}

func (s storeOf) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	return s.runner.Run(ctx, mode, fn)
}

// TestMessagesChangeNoIndexOfActivity tests that no index has the latest message of a conversation,
// its time, or the counts of messages: PostgreSQL would write to every index of conversations with each message.
func TestMessagesChangeNoIndexOfActivity(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	o := fresh(t, dsn)
	c, err := pgx.Connect(ctx, dsn)
	must(t, err)
	defer func() { must(t, c.Close(ctx)) }()
	_, err = c.Exec(ctx, "SELECT set_config('search_path', $1, false)", pgx.Identifier{o.Schema}.Sanitize())
	must(t, err)
	rows, err := c.Query(ctx, `SELECT indexrelid::regclass || ' has ' || attname FROM pg_index
		JOIN pg_depend ON objid = indexrelid AND refobjid = indrelid AND refclassid = 'pg_class'::regclass
		JOIN pg_attribute ON attrelid = indrelid AND attnum = refobjsubid
		WHERE indrelid = 'conversations'::regclass AND attname = ANY($1) ORDER BY 1`,
		[]string{"latest_id", "latest_at", "latest_minute", "voyager_sent", "local_sent", "voyager_read", "local_read"})
	must(t, err)
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	want := []string{
		"conversations_of_local_by_activity has latest_minute", "conversations_of_voyager_by_activity has latest_minute",
	}
	if !slices.Equal(got, want) {
		t.Errorf("of what a message changes, %q, want %q", got, want)
	}
}
