package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/cicerone-go/cicerone/adapters/jwt"
	"github.com/cicerone-go/cicerone/adapters/mail"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/wiring"
)

type adminCommand struct {
	Email string `arg:"" help:"The address of the account."`
	Name  string `env:"-" placeholder:"NAME" help:"The name of a new account. Default: the part of the address before the @."`

	ResetTotp bool `env:"-" help:"Remove the second factor of the account, whose user has lost it, and do nothing else. It is recorded in the audit trail."`

	Log      logSettings     `embed:"" prefix:"log-" group:"Log"`
	Accounts accountSettings `embed:""`
}

// operatorConfig returns the configuration of a command that acts for the operator. Its access key
// is random and not kept, because such a command makes no access tokens.
func operatorConfig(logs logSettings) (wiring.Config, error) {
	log, err := logs.logger(os.Stderr)
	if err != nil {
		return wiring.Config{}, err
	}
	key, err := jwt.NewKey()
	if err != nil {
		return wiring.Config{}, err
	}
	config := wiring.DefaultConfig()
	config.Log, config.Mailer, config.Version = log, mail.NewLog(log, nil), version()
	config.Access.Keys = [][]byte{key}
	return config, nil
}

// config returns the configuration that the flags describe.
func (c *adminCommand) config() (wiring.Config, error) {
	config, err := operatorConfig(c.Log)
	if err != nil {
		return wiring.Config{}, err
	}
	config.Users.SignupBonus, config.PasswordCost = c.Accounts.SignupBonus, c.Accounts.BcryptCost
	config.Users.Words = c.Accounts.PasswordWords
	if err := config.Validate(); err != nil {
		return wiring.Config{}, inFlags(err)
	}
	return config, nil
}

// Run makes the account an admin, or removes its second factor.
func (c *adminCommand) Run(s *settings) (err error) {
	p, err := findDurable("--store", s.Store, s.StoreFile)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	config, err := c.config()
	if err != nil {
		return err
	}
	app, err := openApp(ctx, p, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeApp(app)) }()
	if c.ResetTotp {
		u, err := app.Moderation.RemoveSecondFactor(ctx, c.Email)
		if err == nil {
			fmt.Printf("%s has no second factor any more\n", u.Email)
		}
		return err
	}
	admin, created, err := c.appoint(ctx, app.Services, func(ctx context.Context) (string, error) {
		return askPassword(ctx, os.Stdin, os.Stderr)
	})
	if err != nil {
		return err
	}
	if created {
		fmt.Printf("%s is a new account, and an admin\n", admin.Email)
	} else {
		fmt.Printf("%s is an admin\n", admin.Email)
	}
	if !admin.SecondFactor {
		fmt.Fprintln(os.Stderr, "They have no second factor. With --require-admin-totp, a server refuses them until they have one.")
	}
	return nil
}

// appoint makes the account an admin. If the account does not exist, appoint creates it with the
// password that ask returns.
func (c *adminCommand) appoint(ctx context.Context, s *services.Services, ask func(context.Context) (string, error)) (admin users.User, created bool, err error) {
	admin, err = s.Moderation.MakeAdmin(ctx, c.Email)
	if !errors.Is(err, users.ErrNotFound) {
		return admin, false, err
	}
	name := c.Name
	if name == "" {
		name, _, _ = strings.Cut(c.Email, "@")
	}
	password, err := ask(ctx)
	if err != nil {
		return users.User{}, false, err
	}
	if _, err := s.Users.Register(ctx, users.SignUp{Name: name, Email: c.Email, Password: password}); err != nil {
		return users.User{}, false, err
	}
	admin, err = s.Moderation.MakeAdmin(ctx, c.Email)
	return admin, true, err
}
