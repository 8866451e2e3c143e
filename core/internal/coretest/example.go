package coretest

import (
	"context"
	"log"
	"testing"
)

// Example is the testing.TB with which an example makes a World. A failure ends the process.
type Example struct{ testing.TB }

// Helper does nothing.
func (Example) Helper() {}

// Context returns a context that does not end.
func (Example) Context() context.Context { return context.Background() }

// Cleanup does nothing, because the process ends after the examples.
func (Example) Cleanup(func()) {}

// Fatal ends the process.
func (Example) Fatal(args ...any) { log.Fatal(args...) }

// Fatalf ends the process.
func (Example) Fatalf(format string, args ...any) { log.Fatalf(format, args...) }

// Errorf ends the process.
func (Example) Errorf(format string, args ...any) { log.Fatalf(format, args...) }
