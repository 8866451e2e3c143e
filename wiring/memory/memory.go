// Package memory is the server that keeps everything in the process, and loses it with the process: for
// development, tests and demonstrations.
package memory

import (
	"context"

	"github.com/cicerone-go/cicerone/wiring"
)

// New makes a server over an empty store. The caller calls Close. Errors: those of wiring.New.
func New(ctx context.Context, c wiring.Config) (*wiring.App, error) { return build(ctx, c) }
