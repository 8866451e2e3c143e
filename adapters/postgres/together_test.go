package postgres

import "testing"

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
