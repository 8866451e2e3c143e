package main

import (
	"context"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/adapters/bcrypt"
	"github.com/cicerone-go/cicerone/examples/server/internal/demo"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
)

// demoPlan says what is to be done about demo data.
type demoPlan struct {
	marked bool // it is in the store
	empty  bool // it is to be put there
}

// planDemo looks at the store; wanted is what the operator says of demo data, and usual what goes otherwise.
func planDemo(ctx context.Context, storage ports.Storage, wanted *bool, usual bool) (demoPlan, error) {
	marked, err := demo.Marked(ctx, storage)
	if err != nil || marked {
		return demoPlan{marked: marked}, err
	}
	if wanted == nil {
		wanted = &usual
	}
	if !*wanted {
		return demoPlan{}, nil
	}
	empty, err := demo.Empty(ctx, storage)
	return demoPlan{empty: empty}, err
}

// present reports whether the store holds demo data, or will.
func (p demoPlan) present() bool { return p.marked || p.empty }

// refuse is why the server does not listen on an address that is not loopback.
func (p demoPlan) refuse(address string) error {
	why := "the store holds demo data; use another store, or an address like localhost:8080"
	if p.empty {
		why = "the store would be filled with demo data; start with --no-demo, or on an address like localhost:8080"
	}
	return fmt.Errorf("--addr %s: others could reach it, and everybody knows the password of the demo accounts: %s", address, why)
}

// fill carries the plan out.
func (p demoPlan) fill(ctx context.Context, storage ports.Storage, c wiring.Config) error {
	if !p.empty {
		return nil
	}
	hasher, err := bcrypt.New(c.PasswordCost)
	if err != nil {
		return fmt.Errorf("--bcrypt-cost: %w", err)
	}
	begun := time.Now()
	if err := demo.Fill(ctx, storage, hasher, begun); err != nil {
		return err
	}
	c.Log.Debug("demo data is in the store", "took", time.Since(begun))
	return nil
}
