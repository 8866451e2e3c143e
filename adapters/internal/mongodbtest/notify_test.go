package mongodbtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/uow"
)

// listener is a call of Watch.
type listener struct {
	woken chan struct{}
	ended chan error
}

// listen calls Watch and waits until it listens. The Watch ends with ctx.
func listen(ctx context.Context, t *testing.T, s *mongodb.Store) *listener {
	t.Helper()
	l := &listener{make(chan struct{}, 1000), make(chan error, 1)}
	go func() { l.ended <- s.Watch(ctx, func() { l.woken <- struct{}{} }) }()
	l.wakes(t, "when it begins to listen")
	return l
}

func (l *listener) wakes(t *testing.T, when string) {
	t.Helper()
	select {
	case <-l.woken:
	case err := <-l.ended:
		t.Fatalf("it has ended %s: %v", when, err)
	case <-time.After(maxWait):
		t.Fatalf("it was not woken %s", when)
	}
}

// TestWatch checks that commits of another process wake Watch, also after its connections were cut, and
// that it returns when its context ends and when the store is closed.
func TestWatch(t *testing.T) {
	everywhere(t, func(t *testing.T, s target) {
		w := s.populated(t, 1)
		o := mongodb.Options{Database: w.database}
		here := s.open(t, o)
		ctx, cancel := context.WithCancel(t.Context())
		l := listen(ctx, t, here)
		send := func() { must(t, (&workload.Keyless{Community: w.Community, Pair: w.pairs[0]}).Send(t.Context())) }
		send()
		l.wakes(t, "after a commit")
		if s.fake != nil {
			time.Sleep(100 * time.Millisecond)
			for len(l.woken) > 0 {
				<-l.woken
			}
			defer s.fake.Inject(mongofake.Fault{Command: "getMore", Cut: mongofake.BeforeEffect})()
			send()
			l.wakes(t, "by the commit before its connection was cut")
			send()
			l.wakes(t, "after its connection was cut")
		}
		cancel()
		if err := <-l.ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Watch returned %v, want context.Canceled", err)
		}
		l = listen(t.Context(), t, here)
		must(t, here.Close(t.Context())) // waits for Watch
		if err := <-l.ended; !errors.Is(err, uow.ErrUnreachable) {
			t.Errorf("Watch returned %v after Close", err)
		}
	})
}

// TestPolling checks that a relay gets its events although the server refuses change streams.
func TestPolling(t *testing.T) {
	s := onFake(startFake(t))
	for _, code := range []int32{40573, 40324, 148, 13} {
		defer s.fake.Inject(mongofake.Fault{Command: "aggregate", Times: 1, Error: &mongofake.Error{Code: code}, Match: func(c mongofake.Command) bool {
			return isChangeStream(c)
		}})()
		w := s.populated(t, 1)
		if err := w.store.Watch(t.Context(), func() { t.Error("woken") }); !errors.Is(err, events.ErrNoWatch) {
			t.Errorf("Watch returned %v after the code %d, want ErrNoWatch", err, code)
		}
	}
	defer s.fake.Inject(mongofake.Fault{Command: "aggregate", Times: -1, Error: &mongofake.Error{Code: 40573}, Match: func(c mongofake.Command) bool {
		return isChangeStream(c)
	}})()
	w := s.populated(t, 2)
	var inbox workload.Inbox
	defer workload.Deliver(w.store, 10*time.Millisecond, inbox.Handle, func(err error) { t.Log(err) })()
	inbox.Judge(t, w.Community, maxWait)
}
