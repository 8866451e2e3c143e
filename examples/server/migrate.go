package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

type migrateCommand struct{}

// Run makes the tables of a store, or brings them up to date, where no server does.
func (*migrateCommand) Run(s *settings) error {
	p, err := findDurable("--store", s.Store)
	if err != nil {
		return err
	}
	if p.migrate == nil {
		fmt.Printf("%s: a server brings it up to date when it opens it\n", p)
		return nil
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := p.migrate(ctx, p); err != nil {
		return err
	}
	fmt.Printf("%s is up to date\n", p)
	return nil
}
