package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/cicerone-go/cicerone/ports"
)

type migrateCommand struct{}

// Run creates or updates the tables of a store, tells how far it is, and reports twins.
func (*migrateCommand) Run(s *settings) error {
	p, err := findDurable("--store", s.Store, s.StoreFile)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program immediately
	if err := p.migrate(ctx, p, func(r ports.Refolded) {
		fmt.Fprintf(os.Stderr, "%s: made the texts of %d of %d rows\n", r.Table, r.Done, r.Total)
	}); err != nil {
		return err
	}
	fmt.Printf("%s is up to date\n", p)
	return reportTwins(ctx, p)
}

// reportTwins prints the twins of a store, if there are any.
func reportTwins(ctx context.Context, p place) (err error) {
	storage, err := p.look(ctx, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, storage.Close(context.WithoutCancel(ctx))) }()
	twins, err := findTwins(ctx, storage)
	if err == nil && len(twins) > 0 {
		listTwins(os.Stdout, twins, false)
	}
	return err
}
