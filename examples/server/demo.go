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

// demoPlan describes the demo data of a store.
type demoPlan struct {
	marked bool // the store holds demo data
	empty  bool // the store is empty and will be filled
}

// planDemo examines the store. wanted is the value of --demo, and usual its default if wanted is
// nil.
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

// present reports whether the store holds demo data or will be filled with it.
func (p demoPlan) present() bool { return p.marked || p.empty }

// refuse returns the error for the address of a flag that is not loopback.
func (p demoPlan) refuse(flag, address string) error {
	why := "the store holds demo data; use another store, or an address like localhost:8080"
	if p.empty {
		why = "the store would be filled with demo data; start with --no-demo, or on an address like localhost:8080"
	}
	return fmt.Errorf("%s %s: the password of the demo accounts is public, and other machines can reach this address: %s", flag, address, why)
}

// fill fills the store if the plan says so.
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
	c.Log.Debug("the store was filled with demo data", "took", time.Since(begun))
	return nil
}
