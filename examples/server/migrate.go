package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

type migrateCommand struct{}

// Run creates or updates the tables of a store that servers do not update themselves.
func (*migrateCommand) Run(s *settings) error {
	p, err := findDurable("--store", s.Store)
	if err != nil {
		return err
	}
	if p.migrate == nil {
		fmt.Printf("%s: nothing to do: a server updates this store when it opens it\n", p)
		return nil
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program immediately
	if err := p.migrate(ctx, p); err != nil {
		return err
	}
	fmt.Printf("%s is up to date\n", p)
	return nil
}
