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

type doctorCommand struct {
	LedgerHead string `env:"-" placeholder:"FILE" help:"Also compare the ledger with what server ledger head printed before. Only so are transactions found that were removed from the end of a ledger together with their seals, and chains of seals that were made again."`
}

// Run checks every invariant of the store, as it is at one moment. It returns an error if one is
// broken.
func (c *doctorCommand) Run(s *settings) error {
	heads, err := c.heads()
	if err != nil {
		return err
	}
	return s.look(func(ctx context.Context, p place, storage ports.Storage) error {
		found, err := audit.New(ports.ForAudit(ports.NewStore(storage, uow.Policy{}))).AuditAgainst(ctx, heads)
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

// heads reads the file of --ledger-head, if there is one.
func (c *doctorCommand) heads() (heads tokens.Heads, err error) {
	if c.LedgerHead == "" {
		return nil, nil
	}
	file, err := os.Open(c.LedgerHead)
	if err != nil {
		return nil, fmt.Errorf("--ledger-head: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if heads, err = tokens.ReadHeads(file); err != nil {
		return nil, fmt.Errorf("--ledger-head %s: %w", c.LedgerHead, err)
	}
	return heads, nil
}

type ledgerCommand struct {
	Head headCommand `cmd:"" help:"Print the last seal of each wallet, and one hash over all of them. Keep them outside of the store: server doctor --ledger-head FILE compares the store with them later. A server may use the store meanwhile."`
}

type headCommand struct{}

// Run prints the heads of the ledger, as they are at one moment.
func (*headCommand) Run(s *settings) error {
	return s.look(func(ctx context.Context, _ place, storage ports.Storage) error {
		service, err := tokens.NewService(ports.ForTokens(ports.NewStore(storage, uow.Policy{})))
		if err != nil {
			return err
		}
		heads, err := service.Heads(ctx)
		if err == nil {
			_, err = heads.WriteTo(os.Stdout)
		}
		return err
	})
}

// diagnose prints the findings of an audit.
func diagnose(w io.Writer, found tokens.Verification) {
	fmt.Fprintf(w, "  wallets        %d\n", found.Wallets)
	fmt.Fprintf(w, "  transactions   %d\n", found.Transactions)
	fmt.Fprintf(w, "  not sealed     %d\n", found.Unsealed)
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
