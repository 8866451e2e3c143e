package postgres_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"

	"go.uber.org/goleak"

	adapter "github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/wiring"
	"github.com/cicerone-go/cicerone/wiring/postgres"
)

// Tests that need a server are in adapters/internal/postgrestest.

func testConfig() wiring.Config {
	c := wiring.DefaultConfig()
	c.PasswordCost = 4
	c.Log = slog.New(slog.DiscardHandler)
	return c
}

// hangUp starts a server that closes every connection immediately. It returns the DSN of the
// server, and a function that stops it and returns how many connections it accepted.
func hangUp(t *testing.T) (dsn string, stop func() int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan int, 1)
	go func() {
		n := 0
		for {
			conn, err := l.Accept()
			if err != nil {
				accepted <- n
				return
			}
			n++
			_ = conn.Close()
		}
	}()
	return "postgres://ada:tiger@" + l.Addr().String() + "/cicerone?sslmode=disable", func() int {
		_ = l.Close()
		return <-accepted
	}
}

func TestInvalidConfigurationDoesNotConnect(t *testing.T) {
	defer goleak.VerifyNone(t)
	dsn, stop := hangUp(t)
	c := testConfig()
	c.Access.Audience = ""
	if _, err := postgres.New(t.Context(), dsn, adapter.Options{}, c); err == nil || !strings.Contains(err.Error(), "Access.Audience") {
		t.Errorf("New = %v, want an error about Access.Audience", err)
	}
	if n := stop(); n != 0 {
		t.Errorf("got %d connections, want none", n)
	}
}

func TestUnreachableServerLeavesNoGoroutines(t *testing.T) {
	defer goleak.VerifyNone(t)
	dsn, stop := hangUp(t)
	_, err := postgres.New(t.Context(), dsn, adapter.Options{}, testConfig())
	if !errors.Is(err, uow.ErrUnreachable) || strings.Contains(err.Error(), "tiger") {
		t.Errorf("New = %v, want ErrUnreachable without the password", err)
	}
	if n := stop(); n == 0 {
		t.Error("got no connection")
	}
}

func TestCancelledBuildLeavesNothingOpen(t *testing.T) {
	defer goleak.VerifyNone(t)
	dsn, stop := hangUp(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := postgres.New(ended, dsn, adapter.Options{}, testConfig()); !errors.Is(err, context.Canceled) {
		t.Errorf("New = %v, want context.Canceled", err)
	}
	stop()
}
