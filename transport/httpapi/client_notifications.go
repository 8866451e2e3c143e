package httpapi

import (
	"context"

	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Notifications returns which mail the caller gets.
func (c *Client) Notifications(ctx context.Context) (NotificationPreferences, error) {
	return call(ctx, c, myNotifications, kithttp.None{})
}

// SaveNotifications chooses which mail the caller gets.
func (c *Client) SaveNotifications(ctx context.Context, p NotificationPreferences) (NotificationPreferences, error) {
	return call(ctx, c, saveNotifications, p)
}

// Unsubscribe switches off mail of a kind with the token of the address in a mail.
func (c *Client) Unsubscribe(ctx context.Context, token string) error {
	_, err := call(ctx, c, unsubscribe, unsubscribeRequest{token})
	return err
}
