// Package memory makes a server that keeps its data in memory. The data is lost when the process
// ends: it is for development, tests and demonstrations.
package memory

import (
	"cmp"
	"context"

	"github.com/cicerone-go/cicerone/wiring"
)

// New makes a server over an empty store, which answers searches for people from an index unless
// c.MatchIndex says no. The caller must call Close. Errors: those of wiring.New.
func New(ctx context.Context, c wiring.Config) (*wiring.App, error) {
	c.MatchIndex.Mode = cmp.Or(c.MatchIndex.Mode, wiring.IndexOn)
	return build(ctx, c)
}
