// Command journey runs a complete story against a running server: two users sign up, find each
// other, talk, agree on an activity and pay for it, and one reports the other. It checks all
// balances after each step, and exits with status 1 if a check fails.
//
//	go run ./examples/journey --server http://localhost:8080
//	go run ./examples/journey --server grpc://localhost:9090
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
	Server        string        `default:"http://localhost:8080" help:"The address of the server: http(s)://HOST:PORT, or grpc(s)://HOST:PORT for gRPC."`
	AdminEmail    string        `default:"admin@example.org" help:"The e-mail address of an admin."`
	AdminPassword string        `default:"cicerone-demo" help:"The password of the admin."`
	Timeout       time.Duration `default:"2m" help:"The time limit for the whole journey."`
}

func main() {
	var s settings
	kong.Parse(&s, kong.Name("journey"),
		kong.Description("Journey runs a complete story against a running server, and checks all balances after each step."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	if err := travel(ctx, os.Stdout, s); err != nil {
		fmt.Fprintln(os.Stderr, "journey:", err)
		os.Exit(1)
	}
}
