package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// TestServerFrozen stops the server under load (SIGSTOP) and continues it. While it is stopped, its
// socket accepts connections, but the server does not respond.
func TestServerFrozen(t *testing.T) {
	server := servers.OwnPostgres(t, servers.PostgresOptions{})
	o := impatient
	o.StatementTimeout, o.AcquireTimeout = 500*time.Millisecond, 500*time.Millisecond
	l := newLife(t, serve(t, server.DSN("postgres"), o))
	times := size(1, 20)
	for range times {
		l.Work()
		server.Freeze()
		l.Crowd.AwaitUnavailable(t, len(l.pairs), maxWait)
		for name, ask := range map[string]func(ctx context.Context) error{
			"ping":              l.storage.Ping,
			"the conversations": l.listConversations,
		} {
			if err := ask(t.Context()); !errors.Is(err, fault.Unavailable) {
				t.Errorf("%s while the server is stopped: got error %v", name, err)
			}
		}
		server.Thaw()
		l.Healed()
	}
	// The sum of the times for a connection, for the answer or the server's own timeout, and for
	// one retry in a unit.
	limit := 2 * (o.AcquireTimeout + o.StatementTimeout + 2*time.Second)
	longest := l.Crowd.Counts().Longest
	l.End(fmt.Sprintf("%d times stopped, an answer within %d ms", times, longest.Milliseconds()))
	if longest > limit+maxWait/3 { // some slack for a busy machine
		t.Errorf("an answer took %v, want at most %v", longest, limit)
	}
}

func (s *service) listConversations(ctx context.Context) error {
	_, err := s.Messaging.Conversations(ctx, s.pairs[0].Local, page.Request[page.Moment]{})
	return err
}

// TestCommitUnanswered checks that a unit whose commit gets no response reports an unknown outcome,
// whether a timeout or its context ends the wait. A unit that only reads reports no unknown
// outcome.
func TestCommitUnanswered(t *testing.T) {
	server := servers.OwnPostgres(t, servers.PostgresOptions{})
	o := impatient
	o.StatementTimeout = 500 * time.Millisecond
	s := serve(t, server.DSN("postgres"), o)
	cases := []struct {
		name      string
		mode      uow.Mode
		cancelled bool
		want      error
	}{
		{"a message", uow.Write, false, uow.ErrOutcomeUnknown},
		{"a message, until its caller cancels", uow.Write, true, uow.ErrOutcomeUnknown},
		{"a snapshot", uow.Snapshot, false, uow.ErrUnreachable},
		{"a snapshot, until its caller cancels", uow.Snapshot, true, context.Canceled},
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	units := make([]func(func()) error, len(cases))
	for i, c := range cases {
		ctx := ctx
		if !c.cancelled {
			ctx = t.Context()
		}
		units[i] = func(last func()) error { return s.unit(ctx, c.mode, last) }
	}
	prepared := slices.Repeat([]func(func()) error{func(last func()) error { return s.unit(t.Context(), uow.Write, last) }}, len(cases))
	for _, err := range together(t, prepared, func() {}) { // on each connection, because preparing is a round trip before the commit
		must(t, err)
	}
	answers := together(t, units, func() {
		server.Freeze()
		time.AfterFunc(300*time.Millisecond, cancel)
	})
	server.Thaw()
	for i, c := range cases {
		if err := answers[i]; !errors.Is(err, c.want) || errors.Is(err, uow.ErrOutcomeUnknown) != errors.Is(c.want, uow.ErrOutcomeUnknown) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	must(t, s.storage.Ping(t.Context()))
}

// together starts all units, calls between when each of them is about to commit, and lets them
// continue.
func together(t testing.TB, units []func(last func()) error, between func()) []error {
	t.Helper()
	answers := make([]error, len(units))
	there, goOn := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	for i, unit := range units {
		all.Go(func() {
			answers[i] = unit(func() {
				there <- struct{}{}
				<-goOn
			})
		})
	}
	for range units {
		select {
		case <-there:
		case <-time.After(maxWait):
			t.Fatal("the units have not reached their commits")
		}
	}
	between()
	close(goOn)
	all.Wait()
	return answers
}

// unit runs a unit of work that reads, writes if mode permits it, and then calls last.
func (s *service) unit(ctx context.Context, mode uow.Mode, last func()) error {
	return s.storage.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Users().User(ctx, s.pairs[0].Local); err != nil {
			return err
		}
		if mode == uow.Write {
			err := tx.Messaging().AddMessage(ctx, messaging.Message{
				ID: id.Message(id.NewGenerator(nil).Next()), ConversationID: s.pairs[0].Talk, UserID: s.pairs[0].Voyager,
				Content: "by the way", CreatedAt: community.NewClock().Now(),
			}, nil)
			if err != nil {
				return err
			}
		}
		last()
		return nil
	})
}
