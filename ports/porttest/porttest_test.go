package porttest_test

import (
	"os"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/ports/porttest"
)

// defectVariable names the defect that TestStorage plants into the memory adapter; "" plants none.
const defectVariable = "CICERONE_PORTTEST_DEFECT"

// TestStorage runs the kit on the memory adapter, which must pass. TestDefects runs it again in processes of
// their own, on the same adapter with one defect each, which must not.
func TestStorage(t *testing.T) {
	plant := func(s *memory.Store) ports.Storage { return s }
	if name := os.Getenv(defectVariable); name != "" {
		plant = defectNamed(t, name).plant
	}
	porttest.Storage(t, func(*testing.T) ports.Storage { return plant(memory.New()) })
}
