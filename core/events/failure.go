package events

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/cicerone-go/cicerone/core/fault"
)

// panicked is the error of a subscriber that panicked.
type panicked struct {
	value any
	stack []byte
}

func newPanicked(value any) *panicked { return &panicked{value, debug.Stack()} }

// Error implements error.
func (p *panicked) Error() string { return fmt.Sprintf("panic: %v\n%s", p.value, p.stack) }

// Unwrap returns the error that the subscriber panicked with, or nil.
func (p *panicked) Unwrap() error {
	err, _ := p.value.(error)
	return err
}

// classOf returns the class of an error: "panic", "timeout", the code of a fault, or the Go type of
// the error that it wraps, with at most MaxClass characters. It contains no text of the error.
func classOf(err error) string {
	if _, ok := errors.AsType[*panicked](err); ok {
		return "panic"
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "timeout"
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return cut(f.Code)
	}
	return cut(fmt.Sprintf("%T", root(err)))
}

// root returns the error that err wraps at last: of several, the first.
func root(err error) error {
	for {
		inner := errors.Unwrap(err)
		if all, ok := err.(interface{ Unwrap() []error }); ok && len(all.Unwrap()) > 0 {
			inner = all.Unwrap()[0]
		}
		if inner == nil {
			return err
		}
		err = inner
	}
}

func cut(class string) string {
	if runes := []rune(class); len(runes) > MaxClass {
		return string(runes[:MaxClass])
	}
	return class
}
