package porttest_test

import (
	"testing"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/ports/porttest"
)

// This is the whole test of an adapter. The function opens an empty store for each test of the kit.
func ExampleStorage() {
	_ = func(t *testing.T) { // in an adapter: func TestStorage(t *testing.T)
		porttest.Storage(t, func(t *testing.T) ports.Storage {
			return memory.New()
		})
	}
	// Output:
}
