package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// TestServerFrozen stops the server under load where it is (SIGSTOP), and lets it go on: it takes connections meanwhile, and says
// nothing.
func TestServerFrozen(t *testing.T) {
	server := servers.OwnPostgres(t, servers.PostgresOptions{})
	o := impatient
	o.StatementTimeout = time.Second
	// For a connection, for the answer, and for a server that may still answer that it has given up.
	limit := o.AcquireTimeout + o.StatementTimeout + 2*time.Second
	l := newLife(t, serve(t, server.DSN("postgres"), o))
	times := size(1, 10)
	var longest time.Duration
	for range times {
		l.work()
		server.Freeze()
		longest = max(longest, l.refusedWhile(server.Thaw))
		l.healed()
	}
	l.end(fmt.Sprintf("%d times stopped, 503 after %d ms at most (%d are allowed)", times, longest.Milliseconds(), limit.Milliseconds()))
	if longest > limit+patience/3 { // this is a busy machine
		t.Errorf("an answer took %v, where %v is promised", longest, limit)
	}
}

// refusedWhile asks this and that of a service whose server says nothing, all at once, and lets the server go on. It says how
// long the answers took.
func (l *life) refusedWhile(thaw func()) (longest time.Duration) {
	l.t.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	begun := time.Now()
	for name, ask := range map[string]func(ctx context.Context) error{
		"a message":         func(ctx context.Context) error { return l.keyless.Send(ctx) },
		"the conversations": l.listConversations,
		"ping":              l.storage.Ping,
	} {
		all.Go(func() {
			err := ask(context.Background())
			mu.Lock()
			defer mu.Unlock()
			longest = max(longest, time.Since(begun))
			if !errors.Is(err, fault.Unavailable) {
				l.t.Errorf("the server says nothing, and %s answers %v", name, err)
			}
		})
	}
	all.Wait()
	thaw()
	return longest
}

func (s *service) listConversations(ctx context.Context) error {
	_, err := s.Messaging.Conversations(ctx, s.pairs[0].Local, page.Request[page.Moment]{})
	return err
}

// TestCommitUnanswered: a server that says nothing to a commit has perhaps carried it out, whatever it is that ends the
// waiting. A unit that only reads has nothing to be uncertain about.
func TestCommitUnanswered(t *testing.T) {
	server := servers.OwnPostgres(t, servers.PostgresOptions{})
	o := impatient
	o.StatementTimeout = 500 * time.Millisecond
	s := serve(t, server.DSN("postgres"), o)
	type end func(context.Context) (context.Context, context.CancelFunc)
	cancelled := func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(300*time.Millisecond, cancel)
		return ctx, cancel
	}
	outOfTime := func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, 300*time.Millisecond)
	}
	for _, c := range []struct {
		name string
		mode uow.Mode
		end  end
		want error
	}{
		{"nobody asks any more", uow.Write, context.WithCancel, uow.ErrOutcomeUnknown},
		{"the caller cancels", uow.Write, cancelled, uow.ErrOutcomeUnknown},
		{"the caller's time is over", uow.Write, outOfTime, uow.ErrOutcomeUnknown},
		{"a snapshot", uow.Snapshot, context.WithCancel, uow.ErrUnreachable},
		{"a snapshot that is cancelled", uow.Snapshot, cancelled, context.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := c.end(t.Context())
			defer cancel()
			err := s.storage.Run(ctx, c.mode, func(ctx context.Context, tx ports.Tx) error {
				if _, err := tx.Users().User(ctx, s.pairs[0].Local); err != nil {
					return err
				}
				if c.mode == uow.Write {
					must(t, tx.Messaging().AddMessage(ctx, s.message(), nil))
				}
				server.Freeze()
				return nil
			})
			server.Thaw()
			if !errors.Is(err, c.want) || c.want != uow.ErrOutcomeUnknown && errors.Is(err, uow.ErrOutcomeUnknown) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			must(t, s.storage.Ping(t.Context()))
		})
	}
}

// message makes a message of the first pair, as a unit of work stores it.
func (s *service) message() messaging.Message {
	return messaging.Message{
		ID: id.Message(id.NewGenerator(nil).Next()), ConversationID: s.pairs[0].Talk, UserID: s.pairs[0].Voyager,
		Content: "by the way", CreatedAt: community.NewClock().Now(),
	}
}
