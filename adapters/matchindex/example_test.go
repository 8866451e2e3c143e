package matchindex_test

import (
	"context"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/adapters/matchindex"
	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// A host puts an index in front of its store, gives the services the units of the index, and lets
// it follow the store. Package wiring does that, too.
func Example() {
	store := memory.New()
	index, err := matchindex.New(matchindex.Deps{Runner: store, Policy: matchindex.DefaultPolicy()})
	if err != nil {
		fmt.Println(err)
		return
	}
	units := uow.NewStore(index, uow.Policy{}) // services.New takes ports.ForServices(units)

	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- index.Follow(ctx, func(err error) { fmt.Println(err) }) }()
	for index.Stats().Answered == 0 { // the store searches until the index is built
		time.Sleep(time.Millisecond)
		err := units.View(ctx, func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Matching().Search(ctx, matching.Query{Viewer: id.User{1}}, nil, 20)
			return err
		})
		if err != nil {
			fmt.Println(err)
			break
		}
	}
	stop()
	fmt.Println(<-ended, index.Stats().Answered)
	// Output:
	// <nil> 1
}
