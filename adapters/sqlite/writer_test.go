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

// holding begins a unit that keeps the others waiting until the answered function is called.
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

// Units that waited share a transaction; whatever way one of them ends, only what it wrote is gone, and nobody is
// left waiting.
func TestAUnitFailsAloneInItsBatch(t *testing.T) {
	s := open(t, empty(t), sqlite.Options{})
	defer closeStore(t, s)
	const units = 64
	end := holding(t, s)
	answers := make([]chan error, units)
	for i := range units {
		answers[i] = make(chan error, 1)
		go func() {
			defer close(answers[i]) // by which a goroutine that ended, or panicked, answers nil
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
			t.Errorf("unit %d answered %v", i, err)
		}
		if there := marked(t, s, fmt.Sprint("unit ", i)); there != (i%4 == 0) {
			t.Errorf("what unit %d wrote is there: %v", i, there)
		}
	}
	if !marked(t, s, "first") {
		t.Error("what the first unit wrote is gone")
	}
}

// The last who waits for a batch may give up: those before must not wait for ever.
func TestWhoGivesUpWaitingLeavesNobodyBehind(t *testing.T) {
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
				t.Errorf("a unit that was cancelled answered %v", err)
			}
		}
	}
}

// Who was still waiting when the store is closed is told so; who was at work may end.
func TestCloseRefusesWhoWaits(t *testing.T) {
	path := empty(t)
	s := open(t, path, sqlite.Options{})
	end := holding(t, s)
	waiting := make(chan error, 1)
	ready := make(chan struct{})
	go func() {
		close(ready)
		waiting <- s.Run(context.Background(), uow.Write, func(context.Context, ports.Tx) error {
			t.Error("a unit was begun on a store that is closed")
			return nil
		})
	}()
	<-ready
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("closing answered %v", err)
	}
	if err := <-waiting; !errors.Is(err, uow.ErrUnreachable) {
		t.Errorf("a unit that waited answered %v", err)
	}
	must(t, end())
	closeStore(t, s)
	s = open(t, path, sqlite.Options{})
	defer closeStore(t, s)
	if !marked(t, s, "first") {
		t.Error("what the unit at work wrote is gone")
	}
}
