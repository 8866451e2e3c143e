package postgres

import (
	"testing"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
)

func TestWaves(t *testing.T) {
	of := func(talk, sender byte) *parcel {
		return &parcel{Message: messaging.Message{ConversationID: id.Conversation{talk}, UserID: id.User{100 + sender}}}
	}
	a, b, back, more, last, third := of(1, 1), of(2, 2), of(1, 3), of(3, 1), of(4, 4), of(3, 3)
	got := waves([]*parcel{a, b, back, more, last, third})
	want := [][]*parcel{{a, b, last}, {back, more}, {third}}
	if len(got) != len(want) {
		t.Fatalf("got %d waves, want %d", len(got), len(want))
	}
	for n := range want {
		if len(got[n]) != len(want[n]) {
			t.Fatalf("wave %d has %d parcels, want %d", n, len(got[n]), len(want[n]))
		}
		for i := range want[n] {
			if got[n][i] != want[n][i] {
				t.Errorf("wave %d has another parcel at %d", n, i)
			}
		}
	}
}
