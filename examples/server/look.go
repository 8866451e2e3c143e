package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// look opens a store for a command that only reads. A server may use the store meanwhile.
func (s *settings) look(do func(ctx context.Context, p place, storage ports.Storage) error) (err error) {
	p, err := findDurable("--store", s.Store, s.StoreFile)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	storage, err := p.look(ctx, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, storage.Close(context.WithoutCancel(ctx))) }()
	if err := checkWhole(ctx, p, storage); err != nil {
		return err
	}
	return do(ctx, p, storage)
}

type backupCommand struct {
	File string `arg:"" help:"The file to create. If it exists, the command fails and does not change it."`
}

// Run copies the store, as it is at one moment, into a file.
func (c *backupCommand) Run(s *settings) error {
	return s.look(func(ctx context.Context, p place, storage ports.Storage) error {
		source, ok := storage.(interface {
			Backup(ctx context.Context, path string) error
		})
		if !ok {
			return fmt.Errorf("--store %s: server backup works on sqlite stores only; use %s for this store", p, p.backup)
		}
		if err := source.Backup(ctx, c.File); err != nil {
			return err
		}
		fmt.Printf("%s is a copy of %s\n", c.File, p)
		return nil
	})
}

type doctorCommand struct{}

// Run checks every invariant of the store, as it is at one moment. It returns an error if one is
// broken.
func (*doctorCommand) Run(s *settings) error {
	return s.look(func(ctx context.Context, p place, storage ports.Storage) error {
		found, err := audit.New(ports.ForAudit(ports.NewStore(storage, uow.Policy{}))).Audit(ctx)
		if err != nil {
			return err
		}
		twins, err := findTwins(ctx, storage)
		if err != nil {
			return err
		}
		fmt.Println(p)
		diagnose(os.Stdout, found)
		listTwins(os.Stdout, twins, false)
		if n := len(found.Violations); n > 0 {
			return fmt.Errorf("the store breaks its rules: violations: %d", n)
		}
		return nil
	})
}

// diagnose prints the findings of an audit.
func diagnose(w io.Writer, found tokens.Verification) {
	fmt.Fprintf(w, "  wallets        %d\n", found.Wallets)
	fmt.Fprintf(w, "  transactions   %d\n", found.Transactions)
	fmt.Fprintf(w, "  held           %d tokens\n", found.Held)
	fmt.Fprintf(w, "  violations     %d\n", len(found.Violations))
	for _, v := range found.Violations {
		subject := v.Subject
		if subject == "" {
			subject = "the whole store"
		}
		fmt.Fprintf(w, "    %s, %s: %s\n", v.Rule, subject, v.Detail)
	}
}
