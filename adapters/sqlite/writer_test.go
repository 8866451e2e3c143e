package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

var errAsked = errors.New("asked to fail")

// holding begins a unit that keeps the others waiting until the test calls end.
func holding(t *testing.T, s *sqlite.Store) (end func() error) {
	t.Helper()
	begun, let, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- s.Run(context.Background(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
			close(begun)
			<-let
			return tx.Marks().Mark(ctx, "first", time.UnixMilli(1))
		})
	}()
	<-begun
	return func() error {
		close(let)
		return <-ended
	}
}

// Units that waited share a transaction. However one of them ends, only its own writes are lost,
// and every other unit returns.
func TestFailedUnitInBatch(t *testing.T) {
	s := open(t, empty(t), sqlite.Options{})
	defer closeStore(t, s)
	const units = 64
	end := holding(t, s)
	answers := make([]chan error, units)
	for i := range units {
		answers[i] = make(chan error, 1)
		go func() {
			defer close(answers[i]) // so a goroutine that ended or panicked counts as nil
			defer func() { _ = recover() }()
			answers[i] <- s.Run(context.Background(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
				if err := tx.Marks().Mark(ctx, fmt.Sprint("unit ", i), time.UnixMilli(1)); err != nil {
					return err
				}
				switch i % 4 {
				case 1:
					return errAsked
				case 2:
					panic("asked to panic")
				case 3:
					runtime.Goexit()
				}
				return nil
			})
		}()
	}
	must(t, end())
	for i := range units {
		if err := <-answers[i]; (i%4 == 1) != errors.Is(err, errAsked) {
			t.Errorf("unit %d returned %v", i, err)
		}
		if there := marked(t, s, fmt.Sprint("unit ", i)); there != (i%4 == 0) {
			t.Errorf("the write of unit %d is there: %v", i, there)
		}
	}
	if !marked(t, s, "first") {
		t.Error("the write of the first unit is gone")
	}
}

// The last unit that waits for a batch may be cancelled: the units before it must not wait for
// ever.
func TestCancelledWait(t *testing.T) {
	s := open(t, empty(t), sqlite.Options{})
	defer closeStore(t, s)
	for range 50 {
		end := holding(t, s)
		ctx, cancel := context.WithCancel(context.Background())
		answers := make(chan error, 4)
		for range cap(answers) {
			go func() {
				answers <- s.Run(ctx, uow.Write, func(ctx context.Context, tx ports.Tx) error {
					return tx.Marks().Mark(ctx, "second", time.UnixMilli(1))
				})
			}()
		}
		go cancel()
		must(t, end())
		for range cap(answers) {
			if err := <-answers; err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("a cancelled unit returned %v", err)
			}
		}
	}
}

// Close ends units that wait, and lets a running unit end.
func TestCloseWithWaitingUnits(t *testing.T) {
	path := empty(t)
	s := open(t, path, sqlite.Options{})
	end := holding(t, s)
	waiting := make(chan error, 1)
	ready := make(chan struct{})
	go func() {
		close(ready)
		waiting <- s.Run(context.Background(), uow.Write, func(context.Context, ports.Tx) error {
			t.Error("a unit ran on a closed store")
			return nil
		})
	}()
	<-ready
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close returned %v", err)
	}
	if err := <-waiting; !errors.Is(err, uow.ErrUnreachable) {
		t.Errorf("a waiting unit returned %v", err)
	}
	must(t, end())
	closeStore(t, s)
	s = open(t, path, sqlite.Options{})
	defer closeStore(t, s)
	if !marked(t, s, "first") {
		t.Error("the write of the running unit is gone")
	}
}
