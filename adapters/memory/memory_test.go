package memory_test

import (
	"testing"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/ports/porttest"
)

func TestStorage(t *testing.T) {
	porttest.Storage(t, func(*testing.T) ports.Storage { return memory.New() })
}
