// Package memory is the server that keeps everything in the process and forgets it there: for
// development, tests and demonstrations.
package memory

import (
	"context"
	"fmt"

	"github.com/cicerone-go/cicerone/wiring"
)

// New makes a server over an empty store. Whoever calls it calls Close. Errors: ctx.Err() (wrapped), and
// those of wiring.Config.Validate.
func New(ctx context.Context, c wiring.Config) (*wiring.App, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("wiring: open the memory store: %w", err)
	}
	app, _, err := build(c) // wire itself cleans up after an error; from here on App.Close does
	return app, err
}
