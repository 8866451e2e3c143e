// Command journey lives through the whole story against a running server: two people sign up, find each
// other, talk, agree on an activity and pay for it, and one reports the other. It checks every
// balance on the way, and exits with 1 where anything is off.
//
//	go run ./examples/journey --server http://localhost:8080
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

type settings struct {
	Server        string        `default:"http://localhost:8080" help:"Where the server is."`
	AdminEmail    string        `default:"admin@example.org" help:"The address of an admin of it."`
	AdminPassword string        `default:"cicerone-demo" help:"Their password."`
	Timeout       time.Duration `default:"2m" help:"How long the whole journey may take."`
}

func main() {
	var s settings
	kong.Parse(&s, kong.Name("journey"),
		kong.Description("Journey lives through the whole story of Cicerone against a running server, and checks every balance on the way."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	if err := travel(ctx, os.Stdout, s); err != nil {
		fmt.Fprintln(os.Stderr, "journey:", err)
		os.Exit(1)
	}
}
