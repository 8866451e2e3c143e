package mongodbtest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// shy is a store in which a user may send three messages without an answer.
type shy struct{ ports.Storage }

const mostUnanswered = 3

func (s shy) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	return s.Storage.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error { return fn(ctx, shyTx{tx}) })
}

type shyTx struct{ ports.Tx }

func (tx shyTx) Messaging() messaging.Repository {
	repo := tx.Tx.Messaging()
	sender, _ := repo.(messaging.Sender) // MongoDB has it
	return shyRepository{repo, sender}
}

type shyRepository struct {
	messaging.Repository
	sender messaging.Sender
}

func (r shyRepository) HoldConversation(ctx context.Context, in id.Conversation, sender id.User, _ int) (messaging.Held, error) {
	return r.Repository.HoldConversation(ctx, in, sender, mostUnanswered)
}

func (r shyRepository) Send(ctx context.Context, s messaging.Sending) (messaging.Message, idempotency.Outcome, error) {
	s.MaxUnanswered = mostUnanswered
	return r.sender.Send(ctx, s)
}

// TestGroupsHoldTheLimits sends more messages at the same time than may be sent without an answer, by users who are
// signed in. Then the others answer, some of them in another conversation.
func TestGroupsHoldTheLimits(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(t *testing.T) target{
		"a replica set": func(t *testing.T) target { return onFake(startFake(t)) },
		"behind mongos": func(t *testing.T) target { one, _ := startCluster(t, mongofake.Config{}); return one },
	} {
		t.Run(name, func(t *testing.T) {
			s, ctx := newSenders(t, start(t), mongodb.Options{}, 12), t.Context()
			over := community.New(shy{s.store}, s.clock, id.NewGenerator(nil), uow.Policy{MaxTime: time.Minute})
			presences := make([]users.Presence, len(s.pairs))
			for i, p := range s.pairs {
				_, err := s.Users.SignIn(ctx, users.SignIn{Email: fmt.Sprintf("voyager%d@example.org", i), Password: community.Password})
				must(t, err)
				open, err := s.Users.Sessions(ctx, p.Voyager, page.Request[page.Moment]{})
				must(t, err)
				presences[i] = users.Presence{User: p.Voyager, Session: open.Items[0].ID, Open: users.SessionFilter{Live: true}}
			}
			count := s.inserts()
			send := func(each int, refusal error) (accepted []int) {
				t.Helper()
				var all []*sent
				for n := range each {
					for i, p := range s.pairs {
						signedIn, _ := over.Store.Guarded(ctx, func(ctx context.Context, tx ports.Tx) error {
							return users.CheckPresence(ctx, tx, presences[i])
						})
						all = append(all, &sent{ctx: signedIn, over: over, by: p.Voyager, in: p.Talk, content: fmt.Sprint(n, " of ", i)})
					}
				}
				s.atOnce(all...)
				accepted = make([]int, len(s.pairs))
				for k, m := range all {
					switch {
					case m.err == nil:
						accepted[k%len(s.pairs)]++
					case !errors.Is(m.err, refusal):
						t.Errorf("Send of %q returned %v", m.content, m.err)
					}
				}
				return accepted
			}
			send(mostUnanswered-1, nil)
			for i, n := range send(5, messaging.ErrUnanswered) {
				if n != 1 {
					t.Errorf("pair %d: %d more messages were sent without an answer, want 1", i, n)
				}
			}
			if n := count(); n >= len(s.pairs)*mostUnanswered {
				t.Errorf("no messages shared a transaction: %d commands", n)
			}
			for i, p := range s.pairs {
				in := p.Talk
				if i%2 == 0 {
					_, err := s.Matching.SaveProfile(ctx, p.Voyager, matching.Profile{IsSearchable: true}, nil)
					must(t, err)
					back, err := s.Messaging.Open(ctx, p.Local, p.Voyager, "")
					must(t, err)
					in = back.Overview.Conversation.ID
				}
				_, err := s.Messaging.Send(ctx, p.Local, in, messaging.Draft{Content: "an answer"}, "")
				must(t, err)
			}
			for i, n := range send(2, nil) {
				if n != 2 {
					t.Errorf("pair %d: %d of 2 messages were sent after the answer", i, n)
				}
			}
			for i, p := range s.pairs {
				must(t, s.Users.EndSession(ctx, p.Voyager, presences[i].Session))
			}
			for i, n := range send(2, users.ErrNotSignedIn) {
				if n != 0 {
					t.Errorf("pair %d: %d messages were sent after the end of the session", i, n)
				}
			}
			workload.Audit(t, s.Community)
		})
	}
}
