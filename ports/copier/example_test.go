package copier_test

import (
	"context"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/ports/copier"
)

// This example copies a whole store into another one. The adapters may differ.
func Example() {
	ctx := context.Background()
	from, to := ports.NewStore(memory.New(), uow.Policy{}), ports.NewStore(memory.New(), uow.Policy{})
	err := from.Do(ctx, func(ctx context.Context, tx ports.Tx) error {
		return tx.Marks().Mark(ctx, "founded in spring", time.Date(2031, 3, 20, 0, 0, 0, 0, time.UTC))
	})
	fmt.Println("marked:", err)

	copied, err := copier.New(from, to, clock.System()).Copy(ctx, func(p copier.Progress) {
		if p.Step == copier.Copying {
			fmt.Println(p.Table.Name, p.Rows)
		}
	})
	fmt.Println("tables:", len(copied.Tables), "violations:", len(copied.Audit.Violations), err)
	fmt.Println("whole:", copier.CheckWhole(ctx, to))
	// Output:
	// marked: <nil>
	// store_marks 1
	// tables: 35 violations: 0 <nil>
	// whole: <nil>
}
