package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/ports/copier"
)

type copyCommand struct {
	From string `placeholder:"STORE" help:"The store to copy, which stays as it is. Default: what --store says."`
	To   string `required:"" placeholder:"STORE" help:"The store to copy into: an empty one, which is made where that is possible, or one that an interrupted copy left."`
}

// Run copies a store, and says what it copied. Its error says, too, where the copy is whole but breaks a rule.
func (c *copyCommand) Run(s *settings) (err error) {
	from, to, err := c.places(s)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once

	source, err := from.from(ctx, from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close(context.WithoutCancel(ctx))) }()
	target, err := to.into(ctx, to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close(context.WithoutCancel(ctx))) }()

	begun := time.Now()
	work := copier.New(ports.NewStore(source, uow.Policy{}), ports.NewStore(target, uow.Policy{}), clock.System())
	copied, err := work.Copy(ctx, reportProgress(os.Stderr, clock.System()))
	if err != nil {
		return advise(err)
	}
	fmt.Printf("%s is a copy of %s, made in %v\n", to, from, time.Since(begun).Round(time.Millisecond))
	listCopied(os.Stdout, copied)
	if n := len(copied.Audit.Violations); n > 0 {
		return fmt.Errorf("the copy is whole, and breaks rules just as the store that it was made of: violations: %d", n)
	}
	return nil
}

// places are the stores to copy from and into.
func (c *copyCommand) places(s *settings) (from, to place, err error) {
	if c.From != "" {
		from, err = findDurable("--from", c.From)
	} else {
		from, err = findDurable("--store", s.Store)
	}
	if err != nil {
		return from, to, err
	}
	if to, err = findDurable("--to", c.To); err == nil && from.same(to) {
		err = fmt.Errorf("--to %s: that is the store to copy from", to)
	}
	return from, to, err
}

// reportProgress writes a line at most every second.
func reportProgress(w io.Writer, now clock.Clock) func(copier.Progress) {
	var last time.Time
	return func(p copier.Progress) {
		if at := now(); at.Sub(last) >= time.Second {
			last = at
			fmt.Fprintln(w, progressLine(p))
		}
	}
}

func progressLine(p copier.Progress) string {
	if p.Table == nil {
		return fmt.Sprintf("%s both stores", p.Step)
	}
	n := slices.Index(ports.Tables, p.Table) + 1
	return fmt.Sprintf("%s %s, table %d of %d: %d rows", p.Step, p.Table.Name, n, len(ports.Tables), p.Rows)
}

// listCopied writes down what is in both stores now.
func listCopied(w io.Writer, copied copier.Copied) {
	for _, t := range copied.Tables {
		fmt.Fprintf(w, "  %-20s %d", t.Table.Name, t.Rows)
		if t.Found > 0 {
			fmt.Fprintf(w, ", of which %d were there already", t.Found)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w, "both, row by row and by their audits:")
	diagnose(w, copied.Audit)
}

// advise adds to what ended a copy what can be done about it.
func advise(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("the copy was interrupted: the same command goes on where it stopped")
	case errors.Is(err, fault.Unavailable):
		return fmt.Errorf("%w: the same command goes on where it stopped", err)
	case errors.Is(err, copier.ErrNotEqual):
		return fmt.Errorf("%w: one of them was changed after the copy was begun; begin again with an empty store", err)
	}
	return err
}

// checkWhole refuses a store that holds a part of another one.
func checkWhole(ctx context.Context, p place, storage ports.Storage) error {
	err := copier.CheckWhole(ctx, ports.NewStore(storage, uow.Policy{}))
	if errors.Is(err, copier.ErrUnfinishedCopy) {
		err = fmt.Errorf("%s %s: %w: the same server copy once more goes on where it stopped", p.flag, p, err)
	}
	return err
}
