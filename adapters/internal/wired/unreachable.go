package wired

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/wiring"
)

// Unreachable checks that root, which makes a server over the store at an address, leaves nothing
// open when it fails, and that its error does not contain the password. The database closes every
// connection. format is the address with the password tiger, and %s for the host and the port.
func Unreachable(
	t *testing.T, format string, root func(ctx context.Context, address string, c wiring.Config) (*wiring.App, error),
) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	invalid := Config()
	invalid.Access.Audience = ""
	for name, tt := range map[string]struct {
		ctx    context.Context
		config wiring.Config
		want   func(err error, connections int) bool
	}{
		"invalid configuration": {t.Context(), invalid, func(err error, connections int) bool {
			return err != nil && strings.Contains(err.Error(), "Access.Audience") && connections == 0
		}},
		"unreachable server": {t.Context(), Config(), func(err error, connections int) bool {
			return errors.Is(err, uow.ErrUnreachable) && !strings.Contains(err.Error(), "tiger") && connections > 0
		}},
		"cancelled": {cancelled, Config(), func(err error, _ int) bool { return errors.Is(err, context.Canceled) }},
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			address, stop := hangUp(t)
			_, err := root(tt.ctx, fmt.Sprintf(format, address), tt.config)
			if connections := stop(); !tt.want(err, connections) {
				t.Errorf("New = %v after %d connections", err, connections)
			}
		})
	}
}

// hangUp starts a server that closes every connection immediately. It returns the address of the
// server, and a function that stops it and returns how many connections it accepted.
func hangUp(t *testing.T) (address string, stop func() int) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
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
	return l.Addr().String(), func() int {
		_ = l.Close()
		return <-accepted
	}
}
