package uow_test

import (
	"context"
	"errors"
	"testing"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/uow"
)

func TestUnit(t *testing.T) {
	broken := errors.New("the disk is on fire")
	returns := func(err error) func() error { return func() error { return err } }
	never := func() error { t.Error("Call ran the function"); return nil }
	ended, end := context.WithCancel(t.Context())
	end()

	read := func(u *uow.Unit) error { return u.Call(t.Context(), false, returns(nil)) }
	write := func(u *uow.Unit) error { return u.Call(t.Context(), true, returns(nil)) }
	for name, c := range map[string]struct {
		mode uow.Mode
		fn   func(u *uow.Unit) error
		want error
	}{
		"success": {uow.Write, write, nil},
		"the error of fn comes first": {uow.Write, func(u *uow.Unit) error {
			_ = u.Call(t.Context(), true, returns(broken))
			return fault.Conflict
		}, fault.Conflict},
		"an error that fn ignores": {uow.Write, func(u *uow.Unit) error {
			_ = u.Call(t.Context(), true, returns(broken))
			return nil
		}, broken},
		"not found does not end the unit": {uow.Write, func(u *uow.Unit) error {
			_ = u.Call(t.Context(), true, returns(fault.NotFound))
			return u.Call(t.Context(), true, returns(nil))
		}, nil},
		"another error ends the unit": {uow.Write, func(u *uow.Unit) error {
			_ = u.Call(t.Context(), true, returns(broken))
			return u.Call(t.Context(), false, never)
		}, broken},
		"write in mode Read": {uow.Read, func(u *uow.Unit) error {
			return u.Call(t.Context(), true, never)
		}, uow.ErrReadOnly},
		"write in mode Snapshot": {uow.Snapshot, func(u *uow.Unit) error {
			return u.Call(t.Context(), true, never)
		}, uow.ErrReadOnly},
		"read in mode Read": {uow.Read, read, nil},
		"cancelled context": {uow.Write, func(u *uow.Unit) error { return u.Call(ended, false, never) }, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			u := uow.NewUnit("test", c.mode)
			if u.Mode() != c.mode {
				t.Errorf("the mode is %v", u.Mode())
			}
			if err := u.Run(func() error { return c.fn(u) }); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if err := u.Call(t.Context(), false, never); !errors.Is(err, uow.ErrEnded) {
				t.Errorf("Call after Run returned %v, want %v", err, uow.ErrEnded)
			}
		})
	}
	t.Run("a panic ends the unit", func(t *testing.T) {
		u := uow.NewUnit("test", uow.Write)
		func() {
			defer func() {
				if recover() != "help" {
					t.Error("the panic did not continue")
				}
			}()
			_ = u.Run(func() error { panic("help") })
		}()
		if err := u.Call(t.Context(), false, never); !errors.Is(err, uow.ErrEnded) {
			t.Errorf("Call after a panic returned %v, want %v", err, uow.ErrEnded)
		}
	})
}
