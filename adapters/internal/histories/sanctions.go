package histories

import (
	"context"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/moderation"
)

func (h *history) sanction() id.Sanction {
	if len(h.known.sanctions) == 0 {
		return id.Sanction{15: 1}
	}
	return draw(h, "sanction", h.known.sanctions...)
}

func (h *history) impose(by, on id.User, kind moderation.SanctionKind, end time.Time, key idempotency.Key) command {
	return command{
		name: fmt.Sprintf("%s imposes %s on %s until %v, key %q", by, kind, on, end, key),
		do: func(ctx context.Context, c *lane) (any, error) {
			return c.Moderation.Impose(ctx, by, on, moderation.SanctionInput{Kind: kind, Reason: "so", EndsAt: end}, key)
		},
		learn: learning(&h.known.sanctions, func(s moderation.Sanction) id.Sanction { return s.ID }),
	}
}

func (h *history) decide(by id.User, sanction id.Sanction, outcome moderation.Outcome) command {
	return command{name: fmt.Sprintf("%s decides that sanction %s is %s", by, sanction, outcome), do: func(ctx context.Context, c *lane) (any, error) {
		return c.Moderation.Decide(ctx, by, sanction, moderation.Decision{Outcome: outcome, Answer: "so"})
	}}
}

func (h *history) appeal(by id.User, sanction id.Sanction, key idempotency.Key) command {
	return command{name: fmt.Sprintf("%s appeals against sanction %s, key %q", by, sanction, key), do: func(ctx context.Context, c *lane) (any, error) {
		return c.Moderation.Appeal(ctx, by, sanction, "why", key)
	}}
}
