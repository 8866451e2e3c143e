package mongodbtest

import (
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/histories"
	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/ports"
)

func TestHistories(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s target) {
		var last *mongodb.Options
		histories.Compare(t, histories.Runs{Usual: 100, Soak: 3_000},
			func() (ports.Storage, error) { return memory.New(), nil },
			func() (ports.Storage, error) {
				if last != nil { // its store is closed
					s.drop(t, *last)
				}
				o := s.fresh(t)
				last = &o
				return s.open(t, o), nil
			},
		)
	})
}
