// Package surface tests the whole HTTP API and gRPC API of a server over any store. Its requests are made from
// the OpenAPI document of the server, so that a new route, field or parameter is tested as well.
package surface

import (
	"testing"

	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
)

// Open opens an empty store. The server over it closes it.
type Open func(t *testing.T) ports.Storage

// Surface tests servers over a store. secrets are the secrets of the store itself, such as its
// address and the password in it. The texts that no store takes for more than text are those of
// Others.
func Surface(t *testing.T, open Open, secrets ...string) {
	t.Run("secrets", func(t *testing.T) {
		for _, leak := range Leaks(t, open(t), secrets, func(*wiring.Config) {}) {
			t.Error(leak)
		}
	})
	t.Run("cursors", func(t *testing.T) { cursors(t, open(t)) })
	t.Run("injection", func(t *testing.T) { injection(t, open(t), queries) })
	t.Run("calls", func(t *testing.T) { calls(t, open(t)) })
}

// Others puts texts that other parts of a server than the store may take for more than text into
// every text of every request.
func Others(t *testing.T, open Open) {
	t.Run("injection into other parts", func(t *testing.T) { injection(t, open(t), others) })
}
