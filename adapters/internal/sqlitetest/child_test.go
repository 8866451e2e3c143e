package sqlitetest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/core/id"
)

// childJob is the environment variable that makes this program the child. Its value is the child's job.
const childJob = "CICERONE_SQLITE_CHILD"

// job is the work of a child. Each of its clients continues after its last acknowledged command.
type job struct {
	Path  string
	Admin id.User
	Pairs []community.Pair // one for each client; if it is empty, the child only creates the store
	Next  []int            // the number of each client's next command
}

func runChild(encoded string) error {
	var j job
	if err := json.Unmarshal([]byte(encoded), &j); err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	ctx := context.Background()
	o, err := openStore(ctx, j.Path)
	if err != nil {
		return err
	}
	if len(j.Pairs) == 0 {
		return o.storage.Close(ctx)
	}
	failed := make(chan error, len(j.Pairs))
	var all sync.WaitGroup
	for n := range j.Pairs {
		all.Go(func() {
			failed <- live(ctx, &workload.Client{Community: o.Community, Admin: j.Admin, Pair: j.Pairs[n], Number: n}, j.Next[n])
		})
	}
	all.Wait()
	return <-failed // only an error ends a client
}

// live runs commands, and writes a line after each to acknowledge it.
func live(ctx context.Context, c *workload.Client, first int) error {
	for n := first; ; n++ {
		if err := c.Command(ctx, n); err != nil {
			return fmt.Errorf("client %d, command %d: %w", c.Number, n, err)
		}
		if _, err := fmt.Fprintf(os.Stdout, "%d %d\n", c.Number, n); err != nil {
			return err
		}
	}
}
