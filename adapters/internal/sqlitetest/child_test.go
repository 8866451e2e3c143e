package sqlitetest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
)

// childJob is the environment variable that makes this program the child, and tells it what to do.
const childJob = "CICERONE_SQLITE_CHILD"

// job is what a child does: each of its clients goes on with the commands after those that were acknowledged.
type job struct {
	Path  string
	Admin id.User
	Pairs []community.Pair // one for each client; none where the store is only to be made
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
			c := client{opened: o, admin: j.Admin, pair: j.Pairs[n], number: n}
			failed <- c.live(ctx, j.Next[n])
		})
	}
	all.Wait()
	return <-failed // a child that was not killed has met an error
}

// client carries out one command after the other. The numbers of client and command say what the command is, so that
// whoever repeats it after a crash repeats the same.
type client struct {
	*opened
	admin  id.User
	pair   community.Pair
	number int
}

// live acknowledges each command with one line, once it has returned.
func (c *client) live(ctx context.Context, first int) error {
	for n := first; ; n++ {
		if err := c.command(ctx, n); err != nil {
			return fmt.Errorf("client %d, command %d: %w", c.number, n, err)
		}
		if _, err := fmt.Fprintf(os.Stdout, "%d %d\n", c.number, n); err != nil {
			return err
		}
	}
}

// kinds is how many kinds of commands there are, which follow each other in rounds.
const kinds = 5

func (c *client) command(ctx context.Context, n int) error {
	key := keyOf(c.number, n)
	switch n % kinds {
	case 0:
		_, err := c.Messaging.Send(ctx, c.pair.Voyager, c.pair.Talk, messaging.Draft{Content: string(key)}, key)
		return err
	case 1:
		_, err := c.Moderation.PostTokens(ctx, c.admin, c.pair.Local,
			moderation.Adjustment{Type: tokens.Bonus, Amount: 5, Reason: string(key)}, key)
		return err
	case 2:
		_, err := c.propose(ctx, n)
		return err
	}
	r, err := c.propose(ctx, n-n%kinds+2) // a repeat: its answer is kept
	if err != nil {
		return fmt.Errorf("repeat the proposal: %w", err)
	}
	if n%kinds == 3 {
		_, err = c.Reservations.Accept(ctx, c.pair.Local, r.ID, key)
	} else {
		_, err = c.Reservations.Cancel(ctx, c.pair.Voyager, r.ID, key)
	}
	return err
}

func (c *client) propose(ctx context.Context, n int) (reservations.Reservation, error) {
	price, err := reservations.ParsePrice("12.50")
	if err != nil {
		return reservations.Reservation{}, err
	}
	begins := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Hour)
	key := keyOf(c.number, n)
	return c.Reservations.Propose(ctx, c.pair.Voyager, c.pair.Talk, reservations.Proposal{
		Title: string(key), Price: price, Date: begins, EndDate: begins.Add(time.Hour),
	}, key)
}

func keyOf(client, n int) idempotency.Key {
	return idempotency.Key(fmt.Sprintf("client-%d-command-%d", client, n))
}
