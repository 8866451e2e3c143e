package postgres

import (
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
)

func TestWaves(t *testing.T) {
	of := func(talk, sender byte) *step { return &step{apart: [][16]byte{{talk}, {100 + sender}}} }
	all := []*step{of(1, 1), of(2, 2), of(1, 3), of(3, 1), of(9, 9), of(4, 4), of(3, 3)}
	got := waves(all, []int{0, 1, 2, 3, 5, 6})
	want := [][]int{{0, 1, 5}, {2, 3}, {6}}
	if len(got) != len(want) {
		t.Fatalf("got %d waves, want %d", len(got), len(want))
	}
	for n := range want {
		if len(got[n]) != len(want[n]) {
			t.Fatalf("wave %d has %d places, want %d", n, len(got[n]), len(want[n]))
		}
		for i := range want[n] {
			if got[n][i] != want[n][i] {
				t.Errorf("wave %d has another place at %d", n, i)
			}
		}
	}
}

// TestWavesOfOneKey checks that units of different conversations with one key are not in one
// statement: the second record would make it fail, and all of the group with it.
func TestWavesOfOneKey(t *testing.T) {
	c := &conn{store: &Store{}}
	mark := func(talk byte, key idempotency.Key) *step {
		n := 0
		u, err := newMarking(c, messaging.Marking{
			Conversation: id.Conversation{talk}, Read: events.New(id.NewGenerator(nil), time.Now(), 0, events.MessageRead{}),
			Record: &idempotency.Record{Owner: "ada", Key: key},
		}, &n)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	if got := waves([]*step{mark(1, "a"), mark(2, "a"), mark(3, "b")}, []int{0, 1, 2}); len(got) != 2 || len(got[0]) != 2 {
		t.Errorf("got the waves %v, want the first with one of the two units of a key, and with that of the other", got)
	}
}
