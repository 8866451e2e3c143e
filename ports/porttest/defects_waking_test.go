package porttest_test

import (
	"context"
	"errors"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/ports"
)

// wakingDefects lists notifiers that break one promise each.
var wakingDefects = []defect{
	{name: "watches without a wake-up", plant: watchingWith(func(ctx context.Context, _ *notifying, _ func()) error {
		<-ctx.Done()
		return ctx.Err()
	}), fails: []string{"waking/watching begins with a wake-up and ends with its context"}},
	{name: "watches for ever", plant: watchingWith(func(_ context.Context, n *notifying, woken func()) error {
		woken()
		<-n.closed
		return errClosed
	}), fails: []string{"waking/watching begins with a wake-up and ends with its context"}},
	{name: "watches a closed store", plant: watchingWith(func(ctx context.Context, _ *notifying, woken func()) error {
		woken()
		<-ctx.Done()
		return ctx.Err()
	}), fails: []string{"waking/watching ends when the store is closed"}},
	{name: "notifies in a unit", plant: func(s *memory.Store) ports.Storage {
		return &notifying{Store: s, closed: make(chan struct{}), watch: soundWatch, notify: func(ctx context.Context) error {
			return s.Run(ctx, 0, func(context.Context, ports.Tx) error { return nil })
		}}
	}, fails: []string{"waking/a notification waits for no unit"}},
}

func init() { defects = append(defects, wakingDefects...) }

var errClosed = errors.New("the store is closed")

// notifying is the memory adapter as an events.Notifier.
type notifying struct {
	*memory.Store
	closed chan struct{}
	watch  func(ctx context.Context, n *notifying, woken func()) error
	notify func(ctx context.Context) error
}

func (n *notifying) Notify(ctx context.Context) error { return n.notify(ctx) }

func (n *notifying) Watch(ctx context.Context, woken func()) error { return n.watch(ctx, n, woken) }

func (n *notifying) Close(ctx context.Context) error {
	select {
	case <-n.closed:
	default:
		close(n.closed)
	}
	return n.Store.Close(ctx)
}

func watchingWith(watch func(context.Context, *notifying, func()) error) plant {
	return func(s *memory.Store) ports.Storage {
		return &notifying{s, make(chan struct{}), watch, func(context.Context) error { return nil }}
	}
}

func soundWatch(ctx context.Context, n *notifying, woken func()) error {
	woken()
	select {
	case <-n.closed:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}
