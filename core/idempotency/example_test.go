package idempotency_test

import (
	"context"
	"fmt"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// A client that received no answer sends its command again with the same key. The command is not
// executed a second time.
func Example() {
	ctx := context.Background()
	store := ports.NewStore(memory.New(), uow.Policy{})

	times := 0
	book := func(key idempotency.Key, table int) {
		answer, replayed, err := idempotency.Run(ctx, store, clock.System(),
			idempotency.Command{Owner: "ada", Key: key, Operation: "book", Values: table},
			func(context.Context, ports.Tx) error { return nil },
			func(context.Context, ports.Tx) (string, error) {
				times++
				return fmt.Sprintf("booking %d, table %d", times, table), nil
			},
			idempotency.Whole[ports.Tx, string]())
		fmt.Println(answer, replayed, err)
	}
	book("k-1", 4)
	book("k-1", 4)
	book("k-1", 5)
	book("k-2", 5)
	// Output:
	// booking 1, table 4 false <nil>
	// booking 1, table 4 true <nil>
	//  false this Idempotency-Key was used for another request
	// booking 2, table 5 false <nil>
}
