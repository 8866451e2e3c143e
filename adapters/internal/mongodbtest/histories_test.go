package mongodbtest

import (
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/histories"
	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/ports"
)

func TestHistories(t *testing.T) {
	everywhere(t, func(t *testing.T, s target) {
		histories.Compare(t, histories.Runs{Usual: 200, Soak: 3_000},
			func() (ports.Storage, error) { return memory.New(), nil },
			func() (ports.Storage, error) { return s.open(t, s.fresh(t)), nil },
		)
	})
}
