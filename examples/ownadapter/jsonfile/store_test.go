package jsonfile_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/examples/ownadapter/jsonfile"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/ports/porttest"
)

// The conformance kit tests every promise of a store.
func TestStore(t *testing.T) {
	porttest.Storage(t, func(t *testing.T) ports.Storage { return open(t, filepath.Join(t.TempDir(), "store.json")) })
}

func open(t *testing.T, path string) *jsonfile.Store {
	t.Helper()
	s, err := jsonfile.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The kit does not test that the data is still there after a restart.
func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.json")
	ids := id.NewGenerator(nil)
	ada := id.User(ids.Next())

	first := open(t, path)
	err := first.Run(t.Context(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Users().Add(ctx, users.User{ID: ada, Name: "Ada", Email: "ada@example.org", Role: users.RoleUser, IsActive: true, Version: 1}, users.PasswordHash{}); err != nil {
			return err
		}
		if err := tx.Tokens().Open(ctx, tokens.Wallet{ID: id.Wallet(ids.Next()), UserID: ada}); err != nil {
			return err
		}
		_, err := tx.Tokens().Post(ctx, tokens.Entry{ID: id.Transaction(ids.Next()), UserID: ada, Amount: 7, Type: tokens.Deposit})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	again := open(t, path)
	err = again.Run(t.Context(), uow.Read, func(ctx context.Context, tx ports.Tx) error {
		w, err := tx.Tokens().Wallet(ctx, ada)
		if err == nil && w.Balance != 7 {
			t.Errorf("the balance is %d after a restart, want 7", w.Balance)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
