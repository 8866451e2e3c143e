package mongodb_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"

	"go.uber.org/goleak"

	adapter "github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/wiring"
	"github.com/cicerone-go/cicerone/wiring/mongodb"
)

// What needs a server is tested in adapters/internal/mongodbtest.

func testConfig() wiring.Config {
	c := wiring.DefaultConfig()
	c.PasswordCost = 4
	c.Log = slog.New(slog.DiscardHandler)
	return c
}

// doorbell is the URI of a server that hangs up at once, and a count of who came.
func doorbell(t *testing.T) (uri string, rung func() int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	came := make(chan int, 1)
	go func() {
		n := 0
		for {
			conn, err := l.Accept()
			if err != nil {
				came <- n
				return
			}
			n++
			_ = conn.Close()
		}
	}()
	return "mongodb://ada:tiger@" + l.Addr().String() + "/cicerone?serverSelectionTimeoutMS=300", func() int {
		_ = l.Close()
		return <-came
	}
}

func TestABadConfigurationConnectsToNothing(t *testing.T) {
	defer goleak.VerifyNone(t)
	uri, rung := doorbell(t)
	c := testConfig()
	c.Access.Audience = ""
	if _, err := mongodb.New(t.Context(), uri, adapter.Options{}, c); err == nil || !strings.Contains(err.Error(), "Access.Audience") {
		t.Errorf("New = %v, want an error about Access.Audience", err)
	}
	if n := rung(); n != 0 {
		t.Errorf("it connected %d times", n)
	}
}

func TestAServerThatDoesNotAnswerLeavesNothingBehind(t *testing.T) {
	defer goleak.VerifyNone(t)
	uri, rung := doorbell(t)
	_, err := mongodb.New(t.Context(), uri, adapter.Options{}, testConfig())
	if !errors.Is(err, uow.ErrUnreachable) || strings.Contains(err.Error(), "tiger") {
		t.Errorf("New = %v, want ErrUnreachable without the password", err)
	}
	if n := rung(); n == 0 {
		t.Error("it connected to nothing")
	}
}

func TestABuildThatIsCancelledLeavesNothingOpen(t *testing.T) {
	defer goleak.VerifyNone(t)
	uri, rung := doorbell(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := mongodb.New(ended, uri, adapter.Options{}, testConfig()); !errors.Is(err, context.Canceled) {
		t.Errorf("New = %v, want context.Canceled", err)
	}
	rung()
}
