package wiring

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/core/webhooks"
)

// builtIn returns the subscribers of the server itself. They begin with the oldest event, so that
// none is missed that was committed before Run was called for the first time.
func builtIn(c Checked, s *services.Services) []events.Subscriber {
	return []events.Subscriber{{
		Name: users.MailSubscriber, Types: []events.Type{events.TypeMailRequested}, FromOldest: true,
		Handle: func(ctx context.Context, e events.Event) error {
			err := s.Users.SendMail(ctx, e)
			if errors.Is(err, users.ErrMailRefused) {
				c.Log.WarnContext(ctx, "mail was refused", slog.String("event", e.ID.String()), slog.Any("error", err))
				return nil
			}
			return err
		},
	}, s.Notifications.Subscriber()}
}

// reserved reports whether a name is that of a subscriber of the server itself.
func reserved(name string) bool {
	return name == users.MailSubscriber || name == notifications.SubscriberName ||
		strings.HasPrefix(name, webhooks.SubscriptionPrefix)
}

// checkReserved adds an error to f for each subscriber of a host that has the name of another one
// of the server itself.
func checkReserved(f *fault.Fields, c Config) {
	const problem = "must not have the name %s, which the server itself uses"
	for _, s := range c.Subscribers {
		f.Check(!reserved(s.Name), "Subscribers", fmt.Sprintf(problem, s.Name))
	}
	for _, s := range c.JoinedSubscribers {
		f.Check(!reserved(s.Name), "JoinedSubscribers", fmt.Sprintf(problem, s.Name))
	}
}
