package uow_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/cicerone-go/cicerone/core/uow"
)

// tally is a store of one number, as a minimal adapter. It keeps the number that a unit wrote only
// if the unit succeeds.
type tally struct {
	mu    sync.Mutex
	total int
}

func (t *tally) Run(ctx context.Context, _ uow.Mode, fn func(context.Context, *int) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	total := t.total
	if err := fn(ctx, &total); err != nil {
		return err
	}
	t.total = total
	return nil
}

func Example() {
	ctx := context.Background()
	store := uow.NewStore[*int](&tally{}, uow.Policy{})

	add := func(n int) func(context.Context, *int) error {
		return func(_ context.Context, total *int) error {
			*total += n
			if *total > 10 {
				return fmt.Errorf("%d is too much", *total)
			}
			return nil
		}
	}
	fmt.Println(store.Do(ctx, add(7)))
	fmt.Println(store.Do(ctx, add(7))) // rolled back

	err := store.View(ctx, func(_ context.Context, total *int) error {
		fmt.Println("total", *total)
		return nil
	})
	fmt.Println(err)
	// Output:
	// <nil>
	// 14 is too much
	// total 7
	// <nil>
}
