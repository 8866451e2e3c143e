package ports_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// TestUnimplemented calls every method of Storage and of every repository of Tx.
func TestUnimplemented(t *testing.T) {
	everyMethodUnimplemented(t, reflect.TypeFor[ports.Storage](), reflect.ValueOf(ports.UnimplementedStorage{}))
	tx := reflect.ValueOf(ports.UnimplementedTx{})
	accessors := reflect.TypeFor[ports.Tx]()
	for i := range accessors.NumMethod() {
		accessor := accessors.Method(i)
		repository := tx.MethodByName(accessor.Name).Call(nil)[0]
		everyMethodUnimplemented(t, accessor.Type.Out(0), repository.Elem())
	}
}

// everyMethodUnimplemented fails the test if a method does not return fault.Unimplemented with its
// name, or returns a value with it.
func everyMethodUnimplemented(t *testing.T, contract reflect.Type, v reflect.Value) {
	t.Helper()
	for i := range contract.NumMethod() {
		method := contract.Method(i)
		in := method.Type.NumIn()
		if method.Type.IsVariadic() {
			in--
		}
		arguments := make([]reflect.Value, in)
		for k := range arguments {
			arguments[k] = reflect.Zero(method.Type.In(k))
		}
		results := v.MethodByName(method.Name).Call(arguments)
		err, _ := results[len(results)-1].Interface().(error)
		want := fmt.Sprintf("%s.%s: not implemented", contract, method.Name)
		if !errors.Is(err, fault.Unimplemented) || err.Error() != want {
			t.Errorf("%s.%s returned the error %v, want %q, a fault.Unimplemented", contract, method.Name, err, want)
		}
		for _, result := range results[:len(results)-1] {
			if !result.IsZero() {
				t.Errorf("%s.%s returned %v with its error", contract, method.Name, result)
			}
		}
	}
}

// accounts is the Tx of a store that only reads accounts.
type accounts struct {
	ports.UnimplementedTx
	users users.Repository
}

func (tx accounts) Users() users.Repository { return tx.users }

// begun is a users.Repository with one method. In a real store it would hold a transaction.
type begun struct{ ports.UnimplementedUsers }

func (begun) User(_ context.Context, user id.User) (users.User, error) {
	return users.User{ID: user, Name: "Ada"}, nil
}

// A store that is not complete embeds the unimplemented types. It compiles and runs. Each method
// that it does not implement returns an error with its name.
func ExampleUnimplementedTx() {
	var tx ports.Tx = accounts{users: begun{}}

	u, err := tx.Users().User(context.Background(), id.User{})
	fmt.Println(u.Name, err)

	_, err = tx.Tokens().Wallet(context.Background(), u.ID)
	fmt.Println(err, errors.Is(err, fault.Unimplemented))

	_, err = tx.Users().Hold(context.Background(), u.ID)
	fmt.Println(err)
	// Output:
	// Ada <nil>
	// tokens.Repository.Wallet: not implemented true
	// users.Repository.Hold: not implemented
}
