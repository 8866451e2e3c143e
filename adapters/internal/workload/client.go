// Package workload lets clients work on a store that fails under them, and judges by what is left: every command that was
// acknowledged was done, none was done twice, and no rule is broken.
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

// Client carries out one command after the other. The numbers of client and command say what the command is, so that
// whoever repeats it after a crash repeats the same.
type Client struct {
	*community.Community
	Admin  id.User
	Pair   community.Pair
	Number int
}

// kinds is how many kinds of commands there are, which follow each other in rounds.
const kinds = 5

// Command carries out a command, with its key; those before it have been acknowledged. It may be repeated.
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
	r, err := c.propose(ctx, n-n%kinds+2) // a repeat: its answer is kept
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

func (c *Client) propose(ctx context.Context, n int) (reservations.Reservation, error) {
	price, err := reservations.ParsePrice("12.50")
	if err != nil {
		return reservations.Reservation{}, err
	}
	begins := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Hour)
	key := Key(c.Number, n)
	return c.Reservations.Propose(ctx, c.Pair.Voyager, c.Pair.Talk, reservations.Proposal{
		Title: string(key), Price: price, Date: begins, EndDate: begins.Add(time.Hour),
	}, key)
}

// Key is the idempotency key of a client's command. Where the command leaves a text of its own, it is the text, too.
func Key(client, n int) idempotency.Key {
	return idempotency.Key(fmt.Sprintf("client-%d-command-%d", client, n))
}
