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
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// wrongTalks returns the number of conversations that disagree with their messages: in the latest
// one, or in a count.
const wrongTalks = `SELECT count(*) FROM conversations AS c WHERE
	ROW(latest_id, latest_at, voyager_sent, local_sent, voyager_read, local_read) IS DISTINCT FROM ROW(
		(SELECT id FROM messages WHERE conversation_id = c.id ORDER BY created_at DESC, id DESC LIMIT 1),
		(SELECT max(created_at) FROM messages WHERE conversation_id = c.id),
		(SELECT count(*) FROM messages WHERE conversation_id = c.id AND user_id = voyager_id),
		(SELECT count(*) FROM messages WHERE conversation_id = c.id AND user_id = local_id),
		(SELECT count(*) FROM messages WHERE conversation_id = c.id AND user_id = local_id AND read),
		(SELECT count(*) FROM messages WHERE conversation_id = c.id AND user_id = voyager_id AND read))`

// TestWrongCountsAreFound changes what a conversation has of its messages, one column after the
// other, and audits the store.
func TestWrongCountsAreFound(t *testing.T) {
	ctx, dsn := t.Context(), servers.Postgres(t)
	o := fresh(t, dsn)
	s := open(t, dsn, o)
	defer func() { must(t, s.Close(context.Background())) }()
	c := community.New(s, community.NewClock(), id.NewGenerator(nil), uow.Policy{})
	_, pairs, err := c.Populate(ctx, 3)
	must(t, err)
	p := pairs[1]
	for range 2 {
		m, err := c.Messaging.Send(ctx, p.Local, p.Talk, messaging.Draft{Content: "hello"}, "")
		must(t, err)
		_, err = c.Messaging.Read(ctx, p.Voyager, p.Talk, m.ID, "")
		must(t, err)
		m, err = c.Messaging.Send(ctx, p.Voyager, p.Talk, messaging.Draft{Content: "hello"}, "")
		must(t, err)
		_, err = c.Messaging.Read(ctx, p.Local, p.Talk, m.ID, "")
		must(t, err)
	}
	db := connectTo(t, dsn, o)
	for column, change := range map[string]string{
		"":             "voyager_sent = voyager_sent",
		"latest_id":    "latest_id = gen_random_uuid()",
		"latest_at":    "latest_at = latest_at - interval '1 s'",
		"voyager_sent": "voyager_sent = voyager_sent + 1",
		"local_sent":   "local_sent = local_sent + 1",
		"voyager_read": "voyager_read = voyager_read - 1",
		"local_read":   "local_read = local_read - 1",
	} {
		tx, err := db.Begin(ctx)
		must(t, err)
		_, err = tx.Exec(ctx, "CREATE TEMP TABLE before AS SELECT * FROM conversations")
		must(t, err)
		_, err = tx.Exec(ctx, "UPDATE conversations SET "+change+" WHERE id = $1", p.Talk)
		must(t, err)
		must(t, tx.Commit(ctx))
		v, err := c.Auditor.Audit(ctx)
		must(t, err)
		var want []tokens.Violation
		if column != "" {
			want = []tokens.Violation{{
				Rule: "derived", Subject: p.Talk.String(),
				Detail: fmt.Sprintf("conversations.%s does not agree with the rows of which it was made", column),
			}}
		}
		if !slices.Equal(v.Violations, want) {
			t.Errorf("after %s an audit found %+v", change, v.Violations)
		}
		_, err = db.Exec(ctx, `UPDATE conversations SET latest_id = b.latest_id, latest_at = b.latest_at, voyager_sent = b.voyager_sent,
			local_sent = b.local_sent, voyager_read = b.voyager_read, local_read = b.local_read FROM before AS b WHERE b.id = conversations.id;
			DROP TABLE before`)
		must(t, err)
	}
	derivedAgree(t, dsn, o)
}

type noImages struct{ messaging.Images }

// TestSendsBesideOthers sends a message in one step while another transaction holds a row that it
// needs, and commits then. The message is sent, or refused, by what that has committed.
func TestSendsBesideOthers(t *testing.T) {
	ctx, dsn := t.Context(), servers.Postgres(t)
	o := fresh(t, dsn)
	o.NoGroupCommit = true
	store := open(t, dsn, o)
	defer func() { must(t, store.Close(context.Background())) }()
	var inOneStep atomic.Int64
	clock, ids := community.NewClock(), id.NewGenerator(nil)
	c := community.New(countSends(store, &inOneStep), clock, ids, uow.Policy{})
	policy := messaging.DefaultPolicy()
	policy.MaxUnanswered = 3
	shy, err := messaging.NewService(messaging.Deps{
		Store: ports.ForMessaging(c.Store), Ledger: tokens.NewLedger(ids), Images: noImages{}, Clock: clock.Now, IDs: ids, Policy: policy,
	})
	must(t, err)
	db, observer := connectTo(t, dsn, o), connect(t, dsn)
	const (
		message = `INSERT INTO messages (id, conversation_id, user_id, content, read, created_at)
			SELECT gen_random_uuid(), id, %[1]s_id, 'hi', false, coalesce(latest_at, created_at) + interval '1 day' FROM conversations WHERE id = $1;
			UPDATE conversations SET %[1]s_sent = %[1]s_sent + 1, (latest_id, latest_at) = (SELECT id, created_at FROM messages
				WHERE conversation_id = $1 ORDER BY created_at DESC LIMIT 1) WHERE id = $1`
		read     = "UPDATE messages SET read = true WHERE conversation_id = $1; UPDATE conversations SET local_read = voyager_sent WHERE id = $1"
		proposal = "SELECT FROM conversations WHERE id = $1 FOR NO KEY UPDATE"
		wallet   = "UPDATE wallets SET %s WHERE user_id = (SELECT voyager_id FROM conversations WHERE id = $1)"
	)
	own, answer := fmt.Sprintf(message, "voyager"), fmt.Sprintf(message, "local")
	cases := []struct {
		name   string
		before int // messages of the sender
		held   string
		want   error
	}{
		{"another message", 1, own, nil},
		{"the last message without an answer", 2, own, messaging.ErrUnanswered},
		{"the last one, and an answer", 2, own + ";" + answer, nil},
		{"an answer", 2, answer, nil},
		{"messages that are read", 2, read, nil},
		{"a proposal", 1, proposal, nil},
		{"a smaller balance", 1, fmt.Sprintf(wallet, "balance = 1"), nil},
		{"no balance", 1, fmt.Sprintf(wallet, "balance = 0"), fault.InsufficientTokens},
		{"a closed wallet", 1, fmt.Sprintf(wallet, "balance = 0, closed = true"), fault.InsufficientTokens},
	}
	_, pairs, err := c.Populate(ctx, len(cases))
	must(t, err)
	for i, one := range cases {
		t.Run(one.name, func(t *testing.T) {
			p := pairs[i]
			for range one.before {
				_, err := shy.Send(ctx, p.Voyager, p.Talk, messaging.Draft{Content: "hello"}, "")
				must(t, err)
			}
			before := inOneStep.Load()
			holding, err := db.Begin(ctx)
			must(t, err)
			defer func() { _ = holding.Rollback(context.Background()) }() // after a failure
			for statement := range strings.SplitSeq(one.held, ";") {
				_, err = holding.Exec(ctx, statement, p.Talk)
				must(t, err)
			}
			var m messaging.Message
			sent := make(chan error, 1)
			go func() {
				var err error
				m, err = shy.Send(ctx, p.Voyager, p.Talk, messaging.Draft{Content: "now"}, "")
				sent <- err
			}()
			awaitLock(t, observer)
			must(t, holding.Commit(ctx))
			if err := <-sent; !errors.Is(err, one.want) || one.want == nil && err != nil {
				t.Fatalf("Send returned %v, want %v", err, one.want)
			}
			if got, want := inOneStep.Load() > before, one.want == nil; got != want {
				t.Errorf("the message was sent in one step: %v, want %v", got, want)
			}
			var latest id.Message
			must(t, db.QueryRow(ctx, "SELECT latest_id FROM conversations WHERE id = $1", p.Talk).Scan(&latest))
			if got, want := latest == m.ID, one.want == nil; got != want {
				t.Errorf("the message is the latest: %v, want %v", got, want)
			}
			derivedAgree(t, dsn, o)
		})
	}
}

// awaitLock waits until a statement of a store waits for a row.
func awaitLock(t *testing.T, observer *pgx.Conn) {
	t.Helper()
	for end := time.Now().Add(maxWait); time.Now().Before(end); {
		var waiting bool
		must(t, observer.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'cicerone' AND wait_event_type = 'Lock')`).Scan(&waiting))
		if waiting {
			return
		}
	}
	t.Fatal("no statement waits for a row")
}

// TestReadingBesideMessages marks messages as read while others are sent in both directions, both
// in one step and step by step. The counts agree with the messages, and no two units wait for each
// other.
func TestReadingBesideMessages(t *testing.T) {
	for name, single := range map[string]bool{"groups": false, "single": true} {
		t.Run(name, func(t *testing.T) {
			ctx, dsn := t.Context(), servers.Postgres(t)
			o := fresh(t, dsn)
			o.NoGroupCommit = single
			s := open(t, dsn, o)
			defer func() { must(t, s.Close(context.Background())) }()
			clock, ids := community.NewClock(), id.NewGenerator(nil)
			var inOneStep atomic.Int64
			c := community.New(s, clock, ids, uow.Policy{MaxTime: time.Minute})
			devices := []*community.Community{
				community.New(countMarkings(s, &inOneStep), clock, ids, uow.Policy{MaxTime: time.Minute}),
				community.New(stepByStep(s), clock, ids, uow.Policy{MaxTime: time.Minute}),
			}
			admin, pairs, err := c.Populate(ctx, 2)
			must(t, err)
			for _, p := range pairs {
				_, err := c.Moderation.PostTokens(ctx, admin, p.Local, moderation.Adjustment{Type: tokens.Bonus, Amount: 1_000_000, Reason: "to spend"}, "")
				must(t, err)
			}
			deadlocks := deadlocksOf(t, dsn)
			before := deadlocks()
			image := messaging.Attachment{MediaType: "image/png", Bytes: community.Picture(10, 10)}
			drafts := []messaging.Draft{{Content: "hello"}, {Attachment: messaging.ParseDataURL([]byte(image.DataURL()))}}
			var all sync.WaitGroup
			var marked atomic.Int64
			rounds := size(40, 1000)
			for _, p := range pairs {
				for _, by := range []id.User{p.Voyager, p.Local} {
					for _, draft := range drafts {
						all.Go(func() {
							for range rounds {
								if _, err := c.Messaging.Send(ctx, by, p.Talk, draft, ""); err != nil {
									t.Error(err)
									return
								}
							}
						})
					}
					for _, device := range devices { // of a user, mark the same messages
						all.Go(func() {
							for range rounds {
								newest, err := c.Messaging.Messages(ctx, by, p.Talk, page.Request[page.Moment]{Limit: 1})
								if err != nil {
									t.Error(err)
									return
								}
								if len(newest.Items) == 0 {
									continue
								}
								n, err := device.Messaging.Read(ctx, by, p.Talk, newest.Items[0].ID, "")
								if err != nil {
									t.Error(err)
									return
								}
								marked.Add(int64(n))
							}
						})
					}
				}
			}
			all.Wait()
			left := 0
			for _, p := range pairs {
				for _, by := range []id.User{p.Voyager, p.Local} {
					n, err := c.Messaging.Unread(ctx, by)
					must(t, err)
					o, err := c.Messaging.Conversation(ctx, by, p.Talk)
					must(t, err)
					if left += n; o.Unread != n {
						t.Errorf("a conversation has %d unread messages, and its user %d", o.Unread, n)
					}
				}
			}
			if inOneStep.Load() == 0 {
				t.Error("no messages were marked in one step")
			}
			if sent := 2 * 2 * 2 * rounds; int(marked.Load())+left != sent {
				t.Errorf("%d messages were marked and %d are left, of %d", marked.Load(), left, sent)
			}
			if n := deadlocks() - before; n != 0 {
				t.Errorf("%d deadlocks", n)
			}
			derivedAgree(t, dsn, o)
		})
	}
}
