package coretest_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// heard is a testing.TB that keeps errors.
type heard struct {
	testing.TB
	errors []string
}

func (h *heard) Helper() {}

func (h *heard) Errorf(format string, args ...any) {
	h.errors = append(h.errors, fmt.Sprintf(format, args...))
}

// nothing is a store that runs units and does nothing in them.
type nothing struct{ ports.UnimplementedStorage }

func (nothing) Run(ctx context.Context, _ uow.Mode, fn func(context.Context, ports.Tx) error) error {
	return fn(ctx, ports.UnimplementedTx{})
}

// TestOrder runs defective units of work, and units that come close to them.
func TestOrder(t *testing.T) {
	ada, ben := id.User{15: 1}, id.User{15: 2}
	walk, talk := id.Reservation{15: 1}, id.Reservation{15: 2}
	type step = func(context.Context, ports.Tx) error
	claim := func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Idempotency().Claim(ctx, "somebody", "key")
		return err
	}
	hold := func(user id.User) step {
		return func(ctx context.Context, tx ports.Tx) error { _, err := tx.Users().Hold(ctx, user); return err }
	}
	admins := func(ctx context.Context, tx ports.Tx) error {
		_, _, err := tx.Users().HoldWithAdmins(ctx, ben)
		return err
	}
	pin := func(ctx context.Context, tx ports.Tx) error { _, err := tx.Users().Pin(ctx, ben, ada); return err }
	save := func(user id.User) step {
		return func(ctx context.Context, tx ports.Tx) error { return tx.Users().Save(ctx, users.User{ID: user}) }
	}
	reserve := func(r id.Reservation) step {
		return func(ctx context.Context, tx ports.Tx) error { _, err := tx.Reservations().Hold(ctx, r); return err }
	}
	move := func(to reservations.Status) step {
		return func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Reservations().Move(ctx, reservations.Reservation{ID: walk, LocalID: ada, Status: reservations.Pending}, to, time.Time{})
			return err
		}
	}
	post := func(them ...id.User) step {
		return func(ctx context.Context, tx ports.Tx) error {
			var entries []tokens.Entry
			for _, user := range them {
				entries = append(entries, tokens.Entry{UserID: user})
			}
			_, err := tx.Tokens().Post(ctx, entries...)
			return err
		}
	}
	shut := func(user id.User) step {
		return func(ctx context.Context, tx ports.Tx) error { _, err := tx.Tokens().Close(ctx, user); return err }
	}
	open := func(user id.User) step {
		return func(ctx context.Context, tx ports.Tx) error {
			return tx.Tokens().Open(ctx, tokens.Wallet{UserID: user})
		}
	}
	interest := func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Matching().AddInterest(ctx, matching.Interest{Name: "Walks"})
		return err
	}
	audit := func(ctx context.Context, tx ports.Tx) error {
		return tx.Moderation().AddAudit(ctx, moderation.AuditRecord{})
	}
	for _, c := range []struct {
		name  string
		steps []step
		want  string // in the error, or "" for none
	}{
		{"in order", []step{claim, interest, hold(ada), hold(ben), move(reservations.Accepted), reserve(talk), post(ada), post(ben), audit}, ""},
		{"several in one call", []step{pin, post(ben, ada), audit, audit}, ""},
		{"what is held", []step{claim, pin, hold(ada), save(ben), post(ada, ben), shut(ada), save(ada)}, ""},
		{"admins", []step{admins, save(ben)}, ""},
		{"a wallet of its own", []step{audit, open(ada), post(ada)}, ""},
		{"an accepted reservation", []step{move(reservations.Accepted), post(ada)}, ""},

		{"a key after a user", []step{hold(ada), claim}, "Idempotency.Claim holds an idempotency key"},
		{"a name after a user", []step{hold(ada), interest}, "Matching.AddInterest holds a name"},
		{"users the wrong way round", []step{hold(ben), hold(ada)}, "Users.Hold holds a user"},
		{"a user that is saved", []step{move(reservations.Accepted), save(ada)}, "Users.Save holds a user"},
		{"a user after admins", []step{admins, hold(ada)}, "Users.Hold holds a user"},
		{"admins after a user", []step{hold(ada), admins}, "Users.HoldWithAdmins holds a user"},
		{"a user after a calendar", []step{move(reservations.Accepted), pin}, "Users.Pin holds a user"},
		{"the calendar of what is accepted", []step{reserve(walk), move(reservations.Accepted)}, "Reservations.Move holds a calendar"},
		{"reservations the wrong way round", []step{reserve(talk), reserve(walk)}, "Reservations.Hold holds a reservation"},
		{"a reservation after a wallet", []step{post(ada), move(reservations.Declined)}, "Reservations.Move holds a reservation"},
		{"wallets the wrong way round", []step{post(ben), post(ada)}, "Tokens.Post holds a wallet"},
		{"a closed wallet", []step{post(ben), shut(ada)}, "Tokens.Close holds a wallet"},
		{"a wallet after an insert", []step{audit, post(ada)}, "Tokens.Post holds a wallet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &heard{TB: t}
			store := ports.NewStore(coretest.Ordered(h, nothing{}), uow.Policy{})
			err := store.Do(t.Context(), func(ctx context.Context, tx ports.Tx) error {
				for _, s := range c.steps {
					if err := s(ctx, tx); !errors.Is(err, fault.Unimplemented) {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case c.want == "" && len(h.errors) > 0:
				t.Errorf("reported %q", h.errors)
			case c.want != "" && (len(h.errors) == 0 || !strings.Contains(h.errors[0], c.want)):
				t.Errorf("reported %q, want %q", h.errors, c.want)
			}
		})
	}
}

// TestOrderKnowsEveryWrite finds, by a store that only reads, the methods that write: each must be recorded.
func TestOrderKnowsEveryWrite(t *testing.T) {
	storage := coretest.Ordered(t, memory.New())
	ofTx := reflect.TypeFor[ports.Tx]()
	writes := 0
	for i := range ofTx.NumMethod() {
		repository := ofTx.Method(i)
		if repository.Type.NumIn() != 0 {
			continue
		}
		for j := range repository.Type.Out(0).NumMethod() {
			name := repository.Type.Out(0).Method(j).Name
			if !writesIn(t, storage, uow.Read, i, j) {
				continue
			}
			writes++
			err := storage.Run(t.Context(), uow.Write, func(_ context.Context, tx ports.Tx) error {
				of := reflect.TypeOf(reflect.ValueOf(tx).MethodByName(repository.Name).Call(nil)[0].Interface())
				method, _ := of.MethodByName(name)
				file, _ := runtime.FuncForPC(method.Func.Pointer()).FileLine(method.Func.Pointer())
				recorded := []string{"order_repositories.go", "order_events.go", "order_notifications.go", "order_webhooks.go"}
				if !slices.Contains(recorded, filepath.Base(file)) {
					t.Errorf("%s.%s writes, and is not recorded", repository.Name, name)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if writes < 30 {
		t.Errorf("found %d methods that write", writes)
	}
}

// writesIn calls a method of a repository with zero values, in a unit that only reads.
func writesIn(t *testing.T, storage ports.Storage, mode uow.Mode, repository, method int) (writes bool) {
	t.Helper()
	_ = storage.Run(t.Context(), mode, func(ctx context.Context, tx ports.Tx) error {
		defer func() { _ = recover() }() // a method that reads may not take zero values
		m := reflect.ValueOf(&tx).Elem().Method(repository).Call(nil)[0].Method(method)
		args := []reflect.Value{reflect.ValueOf(ctx)}
		for i := 1; i < m.Type().NumIn(); i++ {
			if i == m.Type().NumIn()-1 && m.Type().IsVariadic() {
				break
			}
			args = append(args, reflect.Zero(m.Type().In(i)))
		}
		results := m.Call(args)
		err, _ := results[len(results)-1].Interface().(error)
		writes = errors.Is(err, uow.ErrReadOnly)
		return err
	})
	return writes
}
