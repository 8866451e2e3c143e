package wiring

import (
	"net/url"
	"strings"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// NewUnsubscriber returns the addresses that switch off mail, or nil if the Config has no PublicURL.
func NewUnsubscriber(c Checked, links *edge.Links) notifications.Unsubscriber {
	if c.PublicURL == "" {
		return nil
	}
	return func(user id.User, kind notifications.Kind) string {
		return strings.TrimSuffix(c.PublicURL, "/") + httpapi.UnsubscribePath + "?token=" + url.QueryEscape(links.Unsubscribe(user, kind))
	}
}
