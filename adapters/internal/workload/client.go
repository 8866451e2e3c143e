// Package workload runs clients on a store while the store fails, and then checks its data: every
// acknowledged command was executed, no command was executed twice, and no rule is broken.
package workload

import (
	"context"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
)

// Client executes commands one after the other. The numbers of the client and the command determine
// the command, so that it can be repeated after a crash.
type Client struct {
	*community.Community
	Admin  id.User
	Pair   community.Pair
	Number int
}

// kinds is the number of kinds of commands. A client executes one of each kind in turn.
const kinds = 5

// Command executes command n with its key. All commands before it must have been acknowledged. It
// may be called again for the same command.
func (c *Client) Command(ctx context.Context, n int) error {
	key := Key(c.Number, n)
	switch n % kinds {
	case 0:
		_, err := c.Messaging.Send(ctx, c.Pair.Voyager, c.Pair.Talk, messaging.Draft{Content: string(key)}, key)
		return err
	case 1:
		_, err := c.Moderation.PostTokens(ctx, c.Admin, c.Pair.Local,
			moderation.Adjustment{Type: tokens.Bonus, Amount: 5, Reason: string(key)}, key)
		return err
	case 2:
		_, err := c.propose(ctx, n)
		return err
	}
	r, err := c.propose(ctx, n-n%kinds+2) // returns the answer that was saved
	if err != nil {
		return fmt.Errorf("repeat the proposal: %w", err)
	}
	if n%kinds == 3 {
		_, err = c.Reservations.Accept(ctx, c.Pair.Local, r.ID, key)
	} else {
		_, err = c.Reservations.Cancel(ctx, c.Pair.Voyager, r.ID, key)
	}
	return err
}

func (c *Client) propose(ctx context.Context, n int) (reservations.View, error) {
	price, err := reservations.ParsePrice("12.50")
	if err != nil {
		return reservations.View{}, err
	}
	begins := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Hour)
	key := Key(c.Number, n)
	return c.Reservations.Propose(ctx, c.Pair.Voyager, c.Pair.Talk, reservations.Proposal{
		Title: string(key), Price: price, Date: begins, EndDate: begins.Add(time.Hour),
	}, key)
}

// Key returns the idempotency key of a client's command. If the command saves a text, the text is
// the key, too.
func Key(client, n int) idempotency.Key {
	return idempotency.Key(fmt.Sprintf("client-%d-command-%d", client, n))
}
