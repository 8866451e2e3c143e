package coretest

import (
	"context"
	"log"
	"testing"
)

// Example is the testing.TB with which an example makes a World. A failure ends the process.
type Example struct{ testing.TB }

func (Example) Helper()                           {}
func (Example) Context() context.Context          { return context.Background() }
func (Example) Cleanup(func())                    {} // the process ends after the examples
func (Example) Fatal(args ...any)                 { log.Fatal(args...) }
func (Example) Fatalf(format string, args ...any) { log.Fatalf(format, args...) }
func (Example) Errorf(format string, args ...any) { log.Fatalf(format, args...) }
