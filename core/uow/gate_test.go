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
		ctx, letGo := t.Context(), 0
		g := uow.NewGate("test", func() error { letGo++; return io.ErrClosedPipe })
		for range 2 {
			if err := g.Enter(); err != nil {
				t.Fatal(err)
			}
		}
		impatient, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if err := g.Close(impatient); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("closing with units within answered %v", err)
		}
		select {
		case <-g.Closing():
		default:
			t.Error("those who wait are not told")
		}
		if err := g.Enter(); !errors.Is(err, uow.ErrUnreachable) {
			t.Errorf("entering after Close answered %v", err)
		}
		closed := make(chan error)
		go func() { closed <- g.Close(ctx) }()
		synctest.Wait()
		g.Leave()
		if letGo != 0 {
			t.Error("the store was let go with a unit within")
		}
		g.Leave()
		if err := <-closed; !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("closing answered %v, want what letting go did", err)
		}
		if err := g.Close(ctx); !errors.Is(err, io.ErrClosedPipe) || letGo != 1 {
			t.Errorf("closing again answered %v, and the store was let go %d times", err, letGo)
		}
	})
}

func TestAnEmptyGateClosesAtOnce(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	g := uow.NewGate("test", func() error { return nil })
	if err := g.Close(ended); err != nil {
		t.Errorf("closing answered %v", err)
	}
}
