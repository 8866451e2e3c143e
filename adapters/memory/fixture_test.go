package memory_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

var noon = time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)

// fixture is a store, with methods to fill it.
type fixture struct {
	testing.TB
	storage *memory.Store
	ids     *id.Generator
}

func newFixture(t testing.TB) *fixture {
	return &fixture{TB: t, storage: memory.New(), ids: id.NewGenerator(nil)}
}

// do runs a unit, which must succeed.
func (f *fixture) do(fn func(ctx context.Context, tx ports.Tx) error) {
	f.Helper()
	if err := f.storage.Run(f.Context(), uow.Write, fn); err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) view(fn func(ctx context.Context, tx ports.Tx) error) {
	f.Helper()
	if err := f.storage.Run(f.Context(), uow.Read, fn); err != nil {
		f.Fatal(err)
	}
}

// user stores an account with a balance.
func (f *fixture) user(name string, balance int64) users.User {
	f.Helper()
	u := users.User{
		ID: id.User(f.ids.Next()), Name: name, Email: name + "@example.org", Role: users.RoleUser,
		IsActive: true, Version: 1, CreatedAt: noon, UpdatedAt: noon,
	}
	f.do(func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Users().Add(ctx, u, users.NewPasswordHash("hash of "+name)); err != nil {
			return err
		}
		if err := tx.Tokens().Open(ctx, tokens.Wallet{ID: id.Wallet(f.ids.Next()), UserID: u.ID}); err != nil {
			return err
		}
		if balance == 0 {
			return nil
		}
		_, err := tx.Tokens().Post(ctx, f.entry(u.ID, balance, tokens.SignupBonus))
		return err
	})
	return u
}

func (f *fixture) entry(user id.User, amount int64, kind tokens.Type) tokens.Entry {
	return tokens.Entry{ID: id.Transaction(f.ids.Next()), UserID: user, Amount: amount, Type: kind, CreatedAt: noon}
}

func (f *fixture) conversation(voyager, local id.User) messaging.Conversation {
	f.Helper()
	c := messaging.Conversation{ID: id.Conversation(f.ids.Next()), VoyagerID: voyager, LocalID: local, CreatedAt: noon}
	f.do(func(ctx context.Context, tx ports.Tx) error {
		_, _, err := tx.Messaging().OpenConversation(ctx, c)
		return err
	})
	return c
}

func (f *fixture) message(c messaging.Conversation, sender id.User, minute int) messaging.Message {
	return messaging.Message{
		ID: id.Message(f.ids.Next()), ConversationID: c.ID, UserID: sender, Content: "hello",
		CreatedAt: noon.Add(time.Duration(minute) * time.Minute),
	}
}

// reservation returns a pending reservation of one hour.
func (f *fixture) reservation(c messaging.Conversation, hour int) reservations.Reservation {
	price, err := reservations.ParsePrice("12.00")
	if err != nil {
		f.Fatal(err)
	}
	begin := noon.Add(time.Duration(24+hour) * time.Hour)
	return reservations.Reservation{
		ID: id.Reservation(f.ids.Next()), ConversationID: c.ID, VoyagerID: c.VoyagerID, LocalID: c.LocalID, CreatorID: c.VoyagerID,
		Title: "a walk", Price: price, Tokens: 12, Date: begin, EndDate: begin.Add(time.Hour),
		Status: reservations.Pending, CreatedAt: noon, UpdatedAt: noon,
	}
}

func (f *fixture) balance(user id.User) (balance int64) {
	f.Helper()
	f.view(func(ctx context.Context, tx ports.Tx) error {
		w, err := tx.Tokens().Wallet(ctx, user)
		balance = w.Balance
		return err
	})
	return balance
}

// rows reads a whole table.
func rows(ctx context.Context, tx ports.Tx, table *ports.Table) ([]ports.Row, error) {
	return tx.Rows().Read(ctx, table, nil, 1_000_000)
}

// copyOf returns a new store with the rows of this one: those of the tables before a given one, or
// of all if it is nil.
func (f *fixture) copyOf(before *ports.Table) *memory.Store {
	f.Helper()
	target := memory.New()
	for _, table := range ports.Tables {
		if table == before {
			break
		}
		f.view(func(ctx context.Context, tx ports.Tx) error {
			all, err := rows(ctx, tx, table)
			if err != nil {
				return err
			}
			for batch := range slices.Chunk(all, 3) {
				err := target.Run(ctx, uow.Write, func(ctx context.Context, tx ports.Tx) error {
					return tx.Rows().Write(ctx, table, batch)
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	return target
}
