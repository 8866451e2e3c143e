package live_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/live"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// street is a world whose relay runs, with the streams of one process.
type street struct {
	*coretest.World
	t      *testing.T
	faults *faults
	events events.Policy
	policy live.Policy
	seen   []id.User
	unseen error // what Seen returns
}

func inStreet(t *testing.T, test func(s *street)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &faults{Storage: memory.New()}
		s := &street{World: coretest.NewWorld(t, f), t: t, faults: f, events: events.DefaultPolicy(), policy: live.DefaultPolicy()}
		test(s)
	})
}

// relay runs a relay until the test ends.
func (s *street) relay() *events.Relay {
	s.t.Helper()
	r, err := events.NewRelay(events.RelayDeps{Store: ports.ForEvents(s.Store), Clock: s.Clock.Now, Policy: s.events})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { _ = r.Run(ctx, func(error) {}) }() // it fails while the store is down
	s.t.Cleanup(func() {
		cancel()
		synctest.Wait()
	})
	return r
}

// process returns the streams of one more process, until the test ends.
func (s *street) process(relay live.Relay) *live.Service {
	s.t.Helper()
	service, err := live.NewService(live.Deps{
		Store: ports.ForModeration(s.Store), Relay: relay, Clock: s.Clock.Now, Policy: s.policy, Users: users.DefaultPolicy(),
		Seen: func(_ context.Context, user id.User) error {
			s.seen = append(s.seen, user)
			return s.unseen
		},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(service.Close)
	return service
}

// caller signs a person in.
func (s *street) caller(name string) users.Caller {
	s.t.Helper()
	c, err := s.Users.Authenticate(s.Ctx, s.SignIn(name).AccessToken)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *street) open(of *live.Service, caller users.Caller, after ...int64) *live.Stream {
	s.t.Helper()
	var from *int64
	if len(after) > 0 {
		from = &after[0]
	}
	stream, err := of.Open(s.Ctx, caller, from)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(stream.Close)
	return stream
}

func (s *street) send(from id.User, in id.Conversation) messaging.Message {
	s.t.Helper()
	s.Fund(from, 50)
	m, err := s.Messaging.Send(s.Ctx, from, in, messaging.Draft{Content: "hello"}, "")
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

// types returns the types of the events that a stream tells within a second: "reset" for a Reset. It
// leaves out those of wallets, which Fund changes.
func (s *street) types(stream *live.Stream) (types []events.Type) {
	s.t.Helper()
	for _, i := range s.items(stream) {
		if i.Event.Type != events.TypeWalletChanged {
			types = append(types, typeOf(i))
		}
	}
	return types
}

func typeOf(i *live.Item) events.Type {
	if i.Reset {
		return "reset"
	}
	return i.Event.Type
}

// items returns what a stream tells within a second.
func (s *street) items(stream *live.Stream) (all []*live.Item) {
	s.t.Helper()
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		items, _, err := stream.Next(s.Ctx, time.Until(end))
		if err != nil {
			s.t.Fatalf("the stream has ended: %v", err)
		}
		all = append(all, items...)
	}
	return all
}

func (s *street) want(stream *live.Stream, types ...events.Type) {
	s.t.Helper()
	if got := s.types(stream); !slices.Equal(got, types) {
		s.t.Errorf("the stream tells %q, want %q", got, types)
	}
}

// ends returns the error with which a stream ends within a second.
func (s *street) ends(stream *live.Stream) error {
	s.t.Helper()
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		if _, _, err := stream.Next(s.Ctx, time.Until(end)); err != nil {
			return err
		}
	}
	s.t.Fatal("the stream has not ended")
	return nil
}

// faults is a storage that cannot be reached for a while.
type faults struct {
	ports.Storage
	down atomic.Bool
}

func (f *faults) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	if f.down.Load() {
		return uow.ErrUnreachable
	}
	return f.Storage.Run(ctx, mode, fn)
}
