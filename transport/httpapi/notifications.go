package httpapi

import (
	"context"
	_ "embed"
	"net/http"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// NotificationPreferences say how a user is notified of each kind. Notifications of other kinds cannot
// be switched off.
type NotificationPreferences struct {
	NewMessage           notifications.Channel `json:"new_message" required:"true" enum:"mail,none"`
	ReservationProposed  notifications.Channel `json:"reservation_proposed" required:"true" enum:"mail,none"`
	ReservationAccepted  notifications.Channel `json:"reservation_accepted" required:"true" enum:"mail,none"`
	ReservationDeclined  notifications.Channel `json:"reservation_declined" required:"true" enum:"mail,none"`
	ReservationCancelled notifications.Channel `json:"reservation_cancelled" required:"true" enum:"mail,none"`
	ReservationExpired   notifications.Channel `json:"reservation_expired" required:"true" enum:"mail,none"`
	ReservationReminder  notifications.Channel `json:"reservation_reminder" required:"true" enum:"mail,none"`
	ReportDecided        notifications.Channel `json:"report_decided" required:"true" enum:"mail,none"`
}

func notificationPreferencesOf(p notifications.Preferences) NotificationPreferences {
	return NotificationPreferences{
		NewMessage: p[notifications.NewMessage], ReservationProposed: p[notifications.ReservationProposed],
		ReservationAccepted: p[notifications.ReservationAccepted], ReservationDeclined: p[notifications.ReservationDeclined],
		ReservationCancelled: p[notifications.ReservationCancelled], ReservationExpired: p[notifications.ReservationExpired],
		ReservationReminder: p[notifications.ReservationReminder], ReportDecided: p[notifications.ReportDecided],
	}
}

func (p NotificationPreferences) preferences() notifications.Preferences {
	return notifications.Preferences{
		notifications.NewMessage: p.NewMessage, notifications.ReservationProposed: p.ReservationProposed,
		notifications.ReservationAccepted: p.ReservationAccepted, notifications.ReservationDeclined: p.ReservationDeclined,
		notifications.ReservationCancelled: p.ReservationCancelled, notifications.ReservationExpired: p.ReservationExpired,
		notifications.ReservationReminder: p.ReservationReminder, notifications.ReportDecided: p.ReportDecided,
	}
}

type unsubscribeRequest struct {
	Token string `query:"token" description:"That of the address in a mail."`
}

var (
	tagNotifications = []string{"notifications"}

	myNotifications = kithttp.Route[kithttp.None, NotificationPreferences]{
		Name: "notifications", Method: http.MethodGet, Path: "/v1/me/notifications",
		Summary: "Read which mail you get", Tags: tagNotifications,
	}
	saveNotifications = kithttp.Route[NotificationPreferences, NotificationPreferences]{
		Name: "saveNotifications", Method: http.MethodPut, Path: "/v1/me/notifications",
		Summary: "Choose which mail you get", Tags: tagNotifications,
	}
	unsubscribePage = kithttp.Route[unsubscribeRequest, kithttp.Blob]{
		Name: "unsubscribePage", Method: http.MethodGet, Path: UnsubscribePath,
		Summary: "Get a page with a button that unsubscribes", Tags: tagNotifications, Media: []string{"text/html"},
		Faults: []*fault.Error{edge.ErrLink},
	}
	unsubscribe = kithttp.Route[unsubscribeRequest, kithttp.Blob]{
		Name: "unsubscribe", Method: http.MethodPost, Path: UnsubscribePath, IgnoreBody: true,
		Summary: "Switch off mail of a kind, as RFC 8058 says", Tags: tagNotifications, Media: []string{"text/html"},
		Faults: []*fault.Error{edge.ErrLink},
	}
)

// UnsubscribePath is the path of the route that switches off mail of a kind. The parameter token is
// that of edge.Links.Unsubscribe.
const UnsubscribePath = "/v1/notifications/unsubscribe"

var (
	//go:embed docs/unsubscribe.html
	askPage []byte
	//go:embed docs/unsubscribed.html
	donePage []byte
)

// unsubscribePolicy allows the page to send its form to this server, and nothing else.
const unsubscribePolicy = "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

func (a *API) serveNotifications() {
	asUser(a, edge.Cheap, myNotifications, a.notifications)
	asUser(a, edge.Cheap, saveNotifications, a.saveNotifications, kithttp.Checked(func(r NotificationPreferences, f *fault.Fields) {
		r.preferences().Check(f)
	}))
	anyone(a, edge.Cheap, unsubscribePage, a.unsubscribePage)
	anyone(a, edge.Cheap, unsubscribe, a.unsubscribe)
}

func (a *API) notifications(ctx context.Context, caller users.Caller, _ kithttp.None) (NotificationPreferences, error) {
	p, err := a.services.Notifications.Preferences(ctx, caller.UserID)
	return notificationPreferencesOf(p), err
}

func (a *API) saveNotifications(ctx context.Context, caller users.Caller, req NotificationPreferences) (NotificationPreferences, error) {
	return req, a.services.Notifications.SetPreferences(ctx, caller.UserID, req.preferences())
}

// unsubscribePage changes nothing: programs that look for malware follow the links in mails.
func (a *API) unsubscribePage(_ context.Context, req unsubscribeRequest) (kithttp.Blob, error) {
	_, _, err := a.links.OpenUnsubscribe(req.Token)
	return htmlPage(askPage), err
}

func (a *API) unsubscribe(ctx context.Context, req unsubscribeRequest) (kithttp.Blob, error) {
	user, kind, err := a.links.OpenUnsubscribe(req.Token)
	if err != nil {
		return kithttp.Blob{}, err
	}
	return htmlPage(donePage), a.services.Notifications.Unsubscribe(ctx, user, kind)
}

// htmlPage returns a page that loads nothing.
func htmlPage(html []byte) kithttp.Blob {
	return kithttp.Blob{ContentType: "text/html; charset=utf-8", Body: html, Header: http.Header{
		"Content-Security-Policy": {unsubscribePolicy},
	}}
}
