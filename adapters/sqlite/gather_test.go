package sqlite

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// opened returns a new store whose next batch waits for others, as one does after a batch of so
// many units.
func opened(t *testing.T, units int) *Store {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "cicerone.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	s.writer.usual = usual{units: units, wait: time.Hour}
	return s
}

// mark runs a unit that writes, in a batch that has begun so long ago.
func mark(s *Store, name string, begun time.Duration) error {
	return s.Run(context.Background(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
		s.writer.batch.begun = time.Now().Add(-begun)
		return tx.Marks().Mark(ctx, name, time.UnixMilli(1))
	})
}

// After units that shared a transaction, the next ones wait for each other.
func TestBatchWaitsForAsManyUnits(t *testing.T) {
	s, ended := opened(t, 2), make(chan error, 2)
	go func() { ended <- mark(s, "first", -time.Hour) }()
	for listening := false; !listening; time.Sleep(time.Millisecond) {
		s.writer.mu.Lock()
		listening = s.writer.bell != nil
		s.writer.mu.Unlock()
	}
	select {
	case err := <-ended:
		t.Fatalf("the first unit ended alone: %v", err)
	default:
	}
	go func() { ended <- mark(s, "second", -time.Hour) }()
	for range cap(ended) {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if got := s.writer.usual.units; got != 2 {
		t.Errorf("%d units shared the transaction, want 2", got)
	}
	if got := s.writer.usual.wait; got > mostWait {
		t.Errorf("the next batch waits for %v, want at most %v", got, mostWait)
	}
}

// A unit after one that was alone waits for nobody, and neither does one whose batch is too old.
func TestUnitThatWaitsForNobody(t *testing.T) {
	alone := opened(t, 1)
	if err := mark(alone, "first", 0); err != nil {
		t.Error(err)
	}
	old := opened(t, 2)
	if err := mark(old, "first", maxBatchAge); err != nil {
		t.Error(err)
	}
}

// A batch waits no longer than it may.
func TestBatchStopsWaiting(t *testing.T) {
	s := opened(t, 2)
	s.writer.usual.wait = time.Millisecond
	if err := mark(s, "first", -time.Hour); err != nil {
		t.Error(err)
	}
	if got := s.writer.usual.units; got != 1 {
		t.Errorf("%d units shared the transaction, want 1", got)
	}
}
