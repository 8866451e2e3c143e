package httpapi

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
)

// MySanctions lists the sanctions against the caller, newest first.
func (c *Client) MySanctions(ctx context.Context, p Paging) (Page[Sanction], error) {
	return call(ctx, c, mySanctions, p)
}

// Appeal appeals against a sanction, which the caller may do once.
func (c *Client) Appeal(ctx context.Context, sanction id.Sanction, words string, key idempotency.Key) (Sanction, error) {
	return call(ctx, c, appeal, appealRequest{pathID(sanction), keyedBy(key), words})
}

// Impose sanctions a user. It is for admins.
func (c *Client) Impose(ctx context.Context, user id.User, in SanctionInput, key idempotency.Key) (AdminSanction, error) {
	return call(ctx, c, impose, imposeRequest{pathID(user), keyedBy(key), in})
}

// Sanctions lists the sanctions against a user, newest first. It is for admins.
func (c *Client) Sanctions(ctx context.Context, user id.User, p Paging) (Page[AdminSanction], error) {
	return call(ctx, c, userSanctions, userSanctionsRequest{pathID(user), p})
}

// Decide lifts a sanction, or upholds it against an appeal. It is for admins.
func (c *Client) Decide(ctx context.Context, sanction id.Sanction, d Decision) (AdminSanction, error) {
	return call(ctx, c, decide, decideRequest{pathID(sanction), d})
}
