package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/wiring"
	"github.com/cicerone-go/cicerone/wiring/sqlite"
)

// A server finds the data that an earlier server wrote to the file.
func Example() {
	folder, err := os.MkdirTemp("", "cicerone")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(folder) }()
	ctx, path := context.Background(), filepath.Join(folder, "cicerone.db")
	config := wiring.DefaultConfig()
	config.PasswordCost = 4

	err = visit(ctx, path, config, func(app *wiring.App) error {
		_, err := app.Users.Register(ctx, users.SignUp{Name: "Ada", Email: "ada@example.org", Password: "long enough"})
		return err
	})
	fmt.Println(err)
	err = visit(ctx, path, config, func(app *wiring.App) error {
		in, err := app.Users.SignIn(ctx, users.SignIn{Email: "ada@example.org", Password: "long enough"})
		fmt.Println(in.User.Name)
		return err
	})
	fmt.Println(err)
	// Output:
	// <nil>
	// Ada
	// <nil>
}

// visit opens a server, calls do, and closes the server.
func visit(ctx context.Context, path string, c wiring.Config, do func(*wiring.App) error) error {
	app, err := sqlite.New(ctx, path, c)
	if err != nil {
		return err
	}
	return errors.Join(do(app), app.Close(ctx))
}
