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
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
)

type twinsCommand struct {
	ID    string `arg:"" optional:"" help:"The id of one of the accounts, to change it. Default: list all twins."`
	Email string `env:"-" placeholder:"ADDRESS" help:"Give the account this address." xor:"what"`
	Erase bool   `env:"-" help:"Erase the account, as its user could. This cannot be undone." xor:"what"`

	Log logSettings `embed:"" prefix:"log-" group:"Log"`
}

// Run lists the twins of the store, or gives one of them another address, or erases it.
func (c *twinsCommand) Run(s *settings) (err error) {
	if c.ID == "" && (c.Email != "" || c.Erase) || c.ID != "" && c.Email == "" && !c.Erase {
		return errors.New("server twins takes no arguments, or the id of an account with --email ADDRESS or --erase")
	}
	if c.ID == "" {
		return s.look(func(ctx context.Context, p place, storage ports.Storage) error {
			all, err := findTwins(ctx, storage)
			if err != nil {
				return err
			}
			fmt.Println(p)
			listTwins(os.Stdout, all, true)
			return nil
		})
	}
	var user id.User
	if err := user.UnmarshalText([]byte(c.ID)); err != nil {
		return fmt.Errorf("the id of an account %w", err)
	}
	p, err := findDurable("--store", s.Store, s.StoreFile)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	config, err := operatorConfig(c.Log)
	if err != nil {
		return err
	}
	app, err := openApp(ctx, p, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeApp(app)) }()
	return c.resolve(ctx, app, user)
}

func (c *twinsCommand) resolve(ctx context.Context, app *wiring.App, user id.User) error {
	if c.Erase {
		if err := app.Services.Privacy.EraseTwin(ctx, user); err != nil {
			return err
		}
		fmt.Printf("%s is erased\n", user)
		return nil
	}
	u, err := app.Services.Moderation.ChangeTwin(ctx, user, c.Email)
	if err != nil {
		return err
	}
	fmt.Printf("%s has the address %s\n", user, u.Email)
	return nil
}

func findTwins(ctx context.Context, storage ports.Storage) ([]audit.Twins, error) {
	return audit.New(ports.ForAudit(ports.NewStore(storage, uow.Policy{}))).Twins(ctx)
}

// listTwins prints how many twins there are, their ids and, if texts is true, their texts.
func listTwins(w io.Writer, all []audit.Twins, texts bool) {
	fmt.Fprintf(w, "  twins          %d\n", len(all))
	for _, group := range all {
		what := map[string]string{"users": "accounts with one address", "interests": "interests with one name"}[group.Table]
		fmt.Fprintf(w, "    %s: %d\n", what, len(group.Rows))
		for _, row := range group.Rows {
			line, mark := id.User(row.ID).String(), ""
			if texts {
				line += fmt.Sprintf(" %+q", row.Text)
			}
			if row.Marked {
				mark = ", found by its exact text only"
			}
			fmt.Fprintf(w, "      %s%s\n", line, mark)
		}
	}
	if len(all) > 0 {
		fmt.Fprintln(w, "    server twins -h tells how to resolve those of accounts; an admin renames one of the interests")
	}
}
