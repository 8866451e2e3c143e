package uow_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cicerone-go/cicerone/core/uow"
)

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, released := t.Context(), 0
		g := uow.NewGate("test", func() error { released++; return io.ErrClosedPipe })
		for range 2 {
			if err := g.Enter(); err != nil {
				t.Fatal(err)
			}
		}
		impatient, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if err := g.Close(impatient); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close with running units returned %v, want %v", err, context.DeadlineExceeded)
		}
		select {
		case <-g.Closing():
		default:
			t.Error("the channel Closing is open after Close")
		}
		if err := g.Enter(); !errors.Is(err, uow.ErrUnreachable) {
			t.Errorf("Enter after Close returned %v, want %v", err, uow.ErrUnreachable)
		}
		closed := make(chan error)
		go func() { closed <- g.Close(ctx) }()
		synctest.Wait()
		g.Leave()
		if released != 0 {
			t.Error("release was called while a unit was running")
		}
		g.Leave()
		if err := <-closed; !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("Close returned %v, want the error of release", err)
		}
		if err := g.Close(ctx); !errors.Is(err, io.ErrClosedPipe) || released != 1 {
			t.Errorf("the second Close returned %v, and release was called %d times, want once", err, released)
		}
	})
}

// TestGateRun checks that Run passes on the error of its function, and that the function ends with the
// context of the caller and with the gate, each with its own error.
func TestGateRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := uow.NewGate("test", func() error { return nil })
		if err := g.Run(t.Context(), func(context.Context) error { return io.ErrClosedPipe }); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("Run returned %v, want the error of its function", err)
		}
		run := func(ctx context.Context) <-chan error {
			ended := make(chan error, 1)
			go func() {
				ended <- g.Run(ctx, func(ctx context.Context) error { <-ctx.Done(); return io.ErrClosedPipe })
			}()
			synctest.Wait()
			return ended
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := run(ctx)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v after its context ended, want %v", err, context.Canceled)
		}
		ended = run(t.Context())
		if err := g.Close(t.Context()); err != nil { // waits for Run
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, uow.ErrUnreachable) {
			t.Errorf("Run returned %v after Close, want %v", err, uow.ErrUnreachable)
		}
		if err := g.Run(t.Context(), func(context.Context) error { t.Error("called"); return nil }); !errors.Is(err, uow.ErrUnreachable) {
			t.Errorf("Run of a closed gate returned %v, want %v", err, uow.ErrUnreachable)
		}
	})
}

// TestCloseIdleGate closes a gate without running units. Close need not wait, so it ignores that
// ctx has ended.
func TestCloseIdleGate(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	g := uow.NewGate("test", func() error { return nil })
	if err := g.Close(ended); err != nil {
		t.Errorf("Close returned %v, want nil", err)
	}
}
