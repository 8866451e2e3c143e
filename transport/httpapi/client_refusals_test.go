package httpapi_test

import (
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// TestClientRefusalsOverBothProtocols sends bad requests over both protocols, and compares kind, code
// and fields of the errors.
func TestClientRefusalsOverBothProtocols(t *testing.T) {
	tn := newTown(t)
	long := strings.Repeat("x", 10_000)
	send := func(as string, d httpapi.Draft) func(*httpapi.Client) error {
		return func(c *httpapi.Client) error {
			_, err := c.As(tn.people[as].token).Send(tn.ctx, tn.conversation(), d, "")
			return err
		}
	}
	admin := func(c *httpapi.Client) *httpapi.Client { return c.As(tn.people["admin"].token) }
	voyager := func(c *httpapi.Client) *httpapi.Client { return c.As(tn.people["voyager"].token) }
	for name, call := range map[string]func(c *httpapi.Client) error{
		"no content":        send("voyager", httpapi.Draft{}),
		"a long content":    send("voyager", httpapi.Draft{Content: &long}),
		"no data URL":       send("voyager", httpapi.Draft{Attachment: new("picture.png")}),
		"an empty data URL": send("voyager", httpapi.Draft{Content: new("Hello"), Attachment: new("")}),
		"another base":      send("voyager", httpapi.Draft{Attachment: new("data:image/png;base64,!")}),
		"another media type": send("voyager", httpapi.Draft{
			Content: &long, Attachment: new(dataURL("image/tiff", picture(t, 2, 2))),
		}),
		"no image":                      send("voyager", httpapi.Draft{Attachment: new(dataURL("image/png", []byte("GIF")))}),
		"an image in another's talk":    send("stranger", httpapi.Draft{Attachment: new(dataURL("image/png", picture(t, 2, 2)))}),
		"an image without being a user": send("nobody", httpapi.Draft{Attachment: new(dataURL("image/png", picture(t, 2, 2)))}),
		"a key that is too long": func(c *httpapi.Client) error {
			_, err := voyager(c).Propose(tn.ctx, tn.conversation(), tn.proposal(), idempotency.Key(long))
			return err
		},
		"no local": func(c *httpapi.Client) error {
			_, err := voyager(c).OpenConversation(tn.ctx, id.User{}, "")
			return err
		},
		"an unknown conversation": func(c *httpapi.Client) error {
			_, err := voyager(c).Conversation(tn.ctx, id.Conversation{})
			return err
		},
		"an unknown session": func(c *httpapi.Client) error { return voyager(c).EndSession(tn.ctx, id.Session{1}) },
		"a limit that is too great": func(c *httpapi.Client) error {
			_, err := voyager(c).Blocks(tn.ctx, httpapi.Paging{Limit: 1000})
			return err
		},
		"a limit that no message has": func(c *httpapi.Client) error {
			_, err := voyager(c).Blocks(tn.ctx, httpapi.Paging{Limit: 1 << 40})
			return err
		},
		"a cursor of nothing": func(c *httpapi.Client) error {
			_, err := voyager(c).Blocks(tn.ctx, httpapi.Paging{Cursor: "x"})
			return err
		},
		"an unknown status of a filter": func(c *httpapi.Client) error {
			_, err := admin(c).Reports(tn.ctx, "odd", httpapi.Paging{})
			return err
		},
		"an unknown role of a filter": func(c *httpapi.Client) error {
			_, err := voyager(c).Reservations(tn.ctx, httpapi.Agenda{Role: "odd"}, httpapi.Paging{})
			return err
		},
		"an unknown role": func(c *httpapi.Client) error {
			_, err := admin(c).ChangeUser(tn.ctx, tn.user("local"), httpapi.AccountChange{Role: kithttp.Some(users.Role("odd"))})
			return err
		},
		"a name that is null": func(c *httpapi.Client) error {
			_, err := voyager(c).ChangeMe(tn.ctx, httpapi.UserChange{Name: kithttp.Null[string]()})
			return err
		},
		"two fields": func(c *httpapi.Client) error {
			_, err := voyager(c).ChangeMe(tn.ctx, httpapi.UserChange{Name: kithttp.Some(""), Bio: kithttp.Some(long)})
			return err
		},
		"a profile with an unknown age": func(c *httpapi.Client) error {
			_, err := voyager(c).SaveProfile(tn.ctx, httpapi.ProfileInput{Age: new(7)})
			return err
		},
		"a profile with a great age": func(c *httpapi.Client) error {
			_, err := voyager(c).SaveProfile(tn.ctx, httpapi.ProfileInput{Age: new(1 << 40)})
			return err
		},
		"too many interests": func(c *httpapi.Client) error {
			_, err := voyager(c).SaveProfile(tn.ctx, httpapi.ProfileInput{InterestIDs: new(make([]id.Interest, 51))})
			return err
		},
		"preferences without a value": func(c *httpapi.Client) error {
			_, err := voyager(c).SaveNotifications(tn.ctx, httpapi.NotificationPreferences{NewMessage: "odd"})
			return err
		},
		"an unknown end of a reservation": func(c *httpapi.Client) error {
			_, err := admin(c).EndReservation(tn.ctx, tn.reservation(), httpapi.ReservationEnd{Status: reservations.Pending, Reason: "x"})
			return err
		},
		"an adjustment by an unknown type": func(c *httpapi.Client) error {
			_, err := admin(c).PostTokens(tn.ctx, tn.user("local"), httpapi.Adjustment{Type: tokens.SignupBonus, Amount: 1, Reason: "x"}, "")
			return err
		},
		"a subscriber without a name": func(c *httpapi.Client) error {
			_, err := admin(c).RetryEvent(tn.ctx, "", 1, "")
			return err
		},
		"an unknown subscription": func(c *httpapi.Client) error {
			_, err := admin(c).ChangeSubscription(tn.ctx, "odd", httpapi.SubscriptionChange{Position: kithttp.Some(int64(1))})
			return err
		},
		"an event before all": func(c *httpapi.Client) error {
			_, err := admin(c).RetryEvent(tn.ctx, "mail", -1, "")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := call(tn.client)
			if want == nil {
				t.Fatal("HTTP does not refuse it")
			}
			if got := call(tn.overGRPC()); !sameFault(got, want) {
				t.Errorf("over gRPC: %#v\nover HTTP: %#v", got, want)
			}
		})
	}
}
