package wired_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/wired"
	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/wiring"
)

// TestJoinedInMemory is the test of joined subscribers for the store in memory. The other stores have
// theirs in their own packages.
func TestJoinedInMemory(t *testing.T) {
	var mu sync.Mutex
	var lines []string
	open := func(ctx context.Context, c wiring.Config) (*wiring.App, error) {
		return wiring.New(ctx, c, memory.New())
	}
	wired.Joined(t, open, wired.Diary{
		Write: func(ctx context.Context, line string) error {
			return memory.OnCommit(ctx, func() {
				mu.Lock()
				defer mu.Unlock()
				lines = append(lines, line)
			})
		},
		Read: func(*testing.T) []string {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(lines)
		},
	})
}
