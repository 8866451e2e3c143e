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
	From     *string `placeholder:"STORE" help:"The store to copy, which is not changed. Default: the store of --store. ${visible}"`
	FromFile string  `placeholder:"PATH" help:"A file that holds the value of --from. ${private}"`
	To       *string `placeholder:"STORE" help:"The store to copy into: one that is empty or holds an interrupted copy of the same store. Its file, tables or collections are created if they do not exist. ${visible}"`
	ToFile   string  `placeholder:"PATH" help:"A file that holds the value of --to. ${private}"`
}

// Run copies a store and prints what it copied. It also returns an error if the copy is complete
// but breaks a rule.
func (c *copyCommand) Run(s *settings) (err error) {
	from, to, err := c.places(s)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program immediately

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
		return fmt.Errorf("the copy is complete, but it breaks rules, as the store that was copied does: violations: %d", n)
	}
	return nil
}

// places returns the stores to copy from and into.
func (c *copyCommand) places(s *settings) (from, to place, err error) {
	if c.From == nil && c.FromFile == "" {
		from, err = findDurable("--store", s.Store, s.StoreFile)
	} else {
		from, err = findDurable("--from", c.From, c.FromFile)
	}
	if err != nil {
		return from, to, err
	}
	if c.To == nil && c.ToFile == "" {
		return from, to, errors.New("missing flag --to=STORE: the store to copy into")
	}
	if to, err = findDurable("--to", c.To, c.ToFile); err == nil && from.same(to) {
		err = fmt.Errorf("--to %s: this is the store to copy from", to)
	}
	return from, to, err
}

// reportProgress returns a function that writes at most one line per second.
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

// listCopied prints the contents of both stores after a copy.
func listCopied(w io.Writer, copied copier.Copied) {
	for _, t := range copied.Tables {
		fmt.Fprintf(w, "  %-20s %d", t.Table.Name, t.Rows)
		if t.Found > 0 {
			fmt.Fprintf(w, ", of which %d were already there", t.Found)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w, "both stores are equal, row by row and in their audits:")
	diagnose(w, copied.Audit)
}

// advise adds to the error of a copy what the operator can do.
func advise(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("the copy was interrupted: run the same command again to resume it")
	case errors.Is(err, fault.Unavailable):
		return fmt.Errorf("%w: run the same command again to resume the copy", err)
	case errors.Is(err, copier.ErrNotEqual):
		return fmt.Errorf("%w: one of the stores was changed after the copy began; start again with an empty store", err)
	}
	return err
}

// checkWhole returns an error if a store holds an unfinished copy.
func checkWhole(ctx context.Context, p place, storage ports.Storage) error {
	err := copier.CheckWhole(ctx, ports.NewStore(storage, uow.Policy{}))
	if errors.Is(err, copier.ErrUnfinishedCopy) {
		err = fmt.Errorf("%s %s: %w: run the same server copy command again to resume it", p.flag, p, err)
	}
	return err
}
