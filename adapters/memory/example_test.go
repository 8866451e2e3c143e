package memory_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// All writes of a unit of work are kept, or none.
func Example() {
	ctx := context.Background()
	storage := memory.New()
	store := ports.NewStore(storage, uow.Policy{})
	noon := time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)

	mark := func(name string, failure error) error {
		return store.Do(ctx, func(ctx context.Context, tx ports.Tx) error {
			if err := tx.Marks().Mark(ctx, name, noon); err != nil {
				return err
			}
			return failure
		})
	}
	fmt.Println(mark("kept", nil))
	fmt.Println(mark("dropped", errors.New("second thoughts")))

	err := store.View(ctx, func(ctx context.Context, tx ports.Tx) error {
		for _, name := range []string{"kept", "dropped"} {
			since, marked, err := tx.Marks().Marked(ctx, name)
			if err != nil {
				return err
			}
			fmt.Println(name, marked, since.Format(time.DateOnly))
		}
		return nil
	})
	fmt.Println(err, storage.Close(ctx))
	// Output:
	// <nil>
	// second thoughts
	// kept true 2031-03-01
	// dropped false 0001-01-01
	// <nil> <nil>
}
