// Package memory makes a server that keeps its data in memory. The data is lost when the process
// ends: it is for development, tests and demonstrations.
package memory

import (
	"context"

	"github.com/cicerone-go/cicerone/wiring"
)

// New makes a server over an empty store. The caller must call Close. Errors: those of wiring.New.
func New(ctx context.Context, c wiring.Config) (*wiring.App, error) { return build(ctx, c) }
