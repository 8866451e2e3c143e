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
	answers := func(err error) func() error { return func() error { return err } }
	never := func() error { t.Error("it was run"); return nil }
	ended, end := context.WithCancel(t.Context())
	end()

	for name, c := range map[string]struct {
		mode uow.Mode
		fn   func(u *uow.Unit) error
		want error
	}{
		"all is well":                {uow.Write, func(u *uow.Unit) error { return u.Call(t.Context(), true, answers(nil)) }, nil},
		"fn's own error comes first": {uow.Write, func(u *uow.Unit) error { _ = u.Call(t.Context(), true, answers(broken)); return fault.Conflict }, fault.Conflict},
		"an error swallowed is told": {uow.Write, func(u *uow.Unit) error { _ = u.Call(t.Context(), true, answers(broken)); return nil }, broken},
		"not found ends nothing": {uow.Write, func(u *uow.Unit) error {
			_ = u.Call(t.Context(), true, answers(fault.NotFound))
			return u.Call(t.Context(), true, answers(nil))
		}, nil},
		"an error ends it": {uow.Write, func(u *uow.Unit) error {
			_ = u.Call(t.Context(), true, answers(broken))
			return u.Call(t.Context(), false, never)
		}, broken},
		"a reader does not write":     {uow.Read, func(u *uow.Unit) error { return u.Call(t.Context(), true, never) }, uow.ErrReadOnly},
		"nor does a snapshot":         {uow.Snapshot, func(u *uow.Unit) error { return u.Call(t.Context(), true, never) }, uow.ErrReadOnly},
		"a reader reads":              {uow.Read, func(u *uow.Unit) error { return u.Call(t.Context(), false, answers(nil)) }, nil},
		"a context that ended is met": {uow.Write, func(u *uow.Unit) error { return u.Call(ended, false, never) }, context.Canceled},
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
				t.Errorf("after the end a call answers %v, want %v", err, uow.ErrEnded)
			}
		})
	}
	t.Run("a panic ends it, too", func(t *testing.T) {
		u := uow.NewUnit("test", uow.Write)
		func() {
			defer func() {
				if recover() != "help" {
					t.Error("the panic did not go on")
				}
			}()
			_ = u.Run(func() error { panic("help") })
		}()
		if err := u.Call(t.Context(), false, never); !errors.Is(err, uow.ErrEnded) {
			t.Errorf("after a panic a call answers %v, want %v", err, uow.ErrEnded)
		}
	})
}
