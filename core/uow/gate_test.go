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
