// Package grpcclients_test uses the gRPC API with clients that are not a part of this module.
package grpcclients_test

import (
	"context"
	"log/slog"
	"net"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/wiring"
)

const password = "one small bag"

// world is a server with two people who have a conversation.
type world struct {
	app          *wiring.App
	address      string // of the gRPC API
	email        string // of the voyager
	conversation id.Conversation
}

func newWorld(t *testing.T) *world {
	t.Helper()
	c := wiring.DefaultConfig()
	c.PasswordCost, c.Log = 4, slog.New(slog.DiscardHandler)
	app, err := wiring.New(t.Context(), c, memory.New())
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := app.NewGRPCServer()
	go func() { _ = server.Serve(listener) }() // it ends with the test
	t.Cleanup(func() {
		server.Stop()
		if err := app.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	w := &world{app: app, address: listener.Addr().String(), email: "vera@example.org"}
	voyager, local := w.person(t, "Vera", w.email), w.person(t, "Luis", "luis@example.org")
	if _, err := app.Matching.SaveProfile(t.Context(), local, matching.Profile{IsSearchable: true}, nil); err != nil {
		t.Fatal(err)
	}
	opened, err := app.Messaging.Open(t.Context(), voyager, local, "")
	if err != nil {
		t.Fatal(err)
	}
	w.conversation = opened.Overview.Conversation.ID
	return w
}

func (w *world) person(t *testing.T, name, email string) id.User {
	t.Helper()
	u, err := w.app.Users.Register(t.Context(), users.SignUp{Name: name, Email: email, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	return u.ID
}
