package httpapi_test

import (
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/client"
	"github.com/cicerone-go/cicerone/transport/grpcapi"
	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// overGRPC serves the API of a world over gRPC, and returns a client of it.
func (w *world) overGRPC(change ...func(*grpcapi.Options)) *httpapi.Client {
	w.t.Helper()
	c := must[*client.Client](w.t)(client.New(client.GRPC("127.0.0.1:1", w.serveGRPC(change...))))
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}

// usage is a call of a method of the client.
type usage struct {
	as     string // the voyager if it is ""
	reads  bool   // the method changes nothing
	method func(tn *town, c *httpapi.Client) (any, error)
}

// read is a usage of a method that changes nothing.
func read[T any](method func(tn *town, c *httpapi.Client) (T, error)) usage {
	u := write(method)
	u.reads = true
	return u
}

func write[T any](method func(tn *town, c *httpapi.Client) (T, error)) usage {
	return usage{method: func(tn *town, c *httpapi.Client) (any, error) { return method(tn, c) }}
}

func act(method func(tn *town, c *httpapi.Client) error) usage {
	return write(func(tn *town, c *httpapi.Client) (any, error) { return nil, method(tn, c) })
}

func (u usage) by(person string) usage {
	u.as = person
	return u
}

// named returns the identifier of a word of the town.
func named[T any, P interface {
	*T
	UnmarshalText(text []byte) error
}](tn *town, word string) T {
	tn.t.Helper()
	var known T
	if err := P(&known).UnmarshalText([]byte(tn.words.Replace("{" + word + "}"))); err != nil {
		tn.t.Fatal(err)
	}
	return known
}

func (tn *town) user(name string) id.User { return tn.people[name].id }

func (tn *town) conversation() id.Conversation { return named[id.Conversation](tn, "conversation") }

func (tn *town) reservation() id.Reservation { return named[id.Reservation](tn, "reservation") }

// usages has the methods of the client, except those of TestClientFollowsEvents and of its connections.
var usages = map[string]usage{
	"SignUp": write(func(tn *town, c *httpapi.Client) (httpapi.SignedIn, error) {
		return c.SignUp(tn.ctx, httpapi.SignUp{Name: "Nina", Email: "nina@example.org", Password: password}, "sign-up")
	}),
	"SignIn": write(func(tn *town, c *httpapi.Client) (httpapi.SignedIn, error) {
		return c.SignIn(tn.ctx, tn.people["voyager"].email, password)
	}),
	"SignInWithCode": write(func(tn *town, c *httpapi.Client) (httpapi.SignedIn, error) {
		secret, _ := tn.secondFactor(tn.people["voyager"])
		return c.SignInWithCode(tn.ctx, tn.people["voyager"].email, password, tn.code(secret))
	}),
	"Refresh": write(func(tn *town, c *httpapi.Client) (httpapi.SignedIn, error) {
		return c.Refresh(tn.ctx, tn.people["voyager"].refresh)
	}),
	"SignOut":        act(func(tn *town, c *httpapi.Client) error { return c.SignOut(tn.ctx, tn.people["voyager"].refresh) }),
	"ForgotPassword": act(func(tn *town, c *httpapi.Client) error { return c.ForgotPassword(tn.ctx, tn.people["voyager"].email) }),
	"ResetPassword": act(func(tn *town, c *httpapi.Client) error {
		return c.ResetPassword(tn.ctx, tn.words.Replace("{reset}"), "another horse")
	}),

	"Me": read(func(tn *town, c *httpapi.Client) (httpapi.Me, error) { return c.Me(tn.ctx) }),
	"ChangeMe": write(func(tn *town, c *httpapi.Client) (httpapi.User, error) {
		return c.ChangeMe(tn.ctx, httpapi.UserChange{Bio: kithttp.Some("I walk."), Location: kithttp.Null[string]()})
	}),
	"EraseMe":        act(func(tn *town, c *httpapi.Client) error { return c.EraseMe(tn.ctx, password) }),
	"ChangePassword": act(func(tn *town, c *httpapi.Client) error { return c.ChangePassword(tn.ctx, password, "another horse") }),
	"Sessions": read(func(tn *town, c *httpapi.Client) (httpapi.Page[httpapi.Session], error) {
		return c.Sessions(tn.ctx, httpapi.Paging{})
	}),
	"EndSession":       act(func(tn *town, c *httpapi.Client) error { return c.EndSession(tn.ctx, named[id.Session](tn, "session")) }),
	"EndOtherSessions": act(func(tn *town, c *httpapi.Client) error { return c.EndOtherSessions(tn.ctx) }),
	"ExportMe": read(func(tn *town, c *httpapi.Client) (string, error) {
		document, err := c.ExportMe(tn.ctx)
		if err != nil {
			return "", err
		}
		defer document.Close()
		b, err := io.ReadAll(document)
		return string(b), err
	}),
	"SetUpSecondFactor": write(func(tn *town, c *httpapi.Client) (httpapi.Enrolment, error) {
		return c.SetUpSecondFactor(tn.ctx, password)
	}),
	"ConfirmSecondFactor": write(func(tn *town, c *httpapi.Client) (httpapi.RecoveryCodes, error) {
		e := must[httpapi.Enrolment](tn.t)(tn.people["voyager"].SetUpSecondFactor(tn.ctx, password))
		return c.ConfirmSecondFactor(tn.ctx, tn.code(e.Secret))
	}),
	"RemoveSecondFactor": act(func(tn *town, c *httpapi.Client) error {
		_, recovery := tn.secondFactor(tn.people["voyager"])
		return c.RemoveSecondFactor(tn.ctx, password, recovery[0])
	}),
	"Notifications": read(func(tn *town, c *httpapi.Client) (httpapi.NotificationPreferences, error) {
		return c.Notifications(tn.ctx)
	}),
	"SaveNotifications": write(func(tn *town, c *httpapi.Client) (httpapi.NotificationPreferences, error) {
		p, err := tn.people["voyager"].Notifications(tn.ctx)
		if err != nil {
			return p, err
		}
		p.NewMessage = notifications.None
		return c.SaveNotifications(tn.ctx, p)
	}),
	"Unsubscribe": act(func(tn *town, c *httpapi.Client) error { return c.Unsubscribe(tn.ctx, "") }),

	"MyProfile": read(func(tn *town, c *httpapi.Client) (httpapi.Profile, error) { return c.MyProfile(tn.ctx) }),
	"SaveProfile": write(func(tn *town, c *httpapi.Client) (httpapi.Profile, error) {
		return c.SaveProfile(tn.ctx, httpapi.ProfileInput{
			FirstName: new("Vera"), Age: new(33), IsSearchable: true, InterestIDs: &[]id.Interest{named[id.Interest](tn, "interest")},
		})
	}),
	"Policy": read(func(tn *town, c *httpapi.Client) (httpapi.Policy, error) { return c.Policy(tn.ctx) }),
	"Interests": read(func(tn *town, c *httpapi.Client) (httpapi.Page[httpapi.Interest], error) {
		return c.Interests(tn.ctx, "HIK", httpapi.Paging{Limit: 1})
	}),
	"Places": read(func(tn *town, c *httpapi.Client) (httpapi.Page[httpapi.Place], error) {
		return c.Places(tn.ctx, httpapi.Paging{})
	}),
	"Profile": read(func(tn *town, c *httpapi.Client) (httpapi.PublicProfile, error) {
		return c.Profile(tn.ctx, tn.user("local"))
	}),
	"Matches": read(func(tn *town, c *httpapi.Client) (httpapi.Page[httpapi.Match], error) {
		return c.Matches(tn.ctx, httpapi.Search{City: "lisbon", InterestIDs: []id.Interest{named[id.Interest](tn, "interest")}}, httpapi.Paging{})
	}),

	"OpenConversation": write(func(tn *town, c *httpapi.Client) (httpapi.Conversation, error) {
		return c.OpenConversation(tn.ctx, tn.user("local"), "open")
	}).by("stranger"),
	"Conversations": read(func(tn *town, c *httpapi.Client) (httpapi.Page[httpapi.Conversation], error) {
		return c.Conversations(tn.ctx, httpapi.Paging{})
	}),
	"Conversation": read(func(tn *town, c *httpapi.Client) (httpapi.Conversation, error) {
		return c.Conversation(tn.ctx, tn.conversation())
	}),
	"Send": write(func(tn *town, c *httpapi.Client) (httpapi.Message, error) {
		return c.Send(tn.ctx, tn.conversation(), httpapi.Draft{Attachment: new(dataURL("image/png", picture(tn.t, 300, 400)))}, "send")
	}),
	"Messages": read(func(tn *town, c *httpapi.Client) (httpapi.Page[httpapi.Message], error) {
		return c.Messages(tn.ctx, tn.conversation(), httpapi.Paging{})
	}),
	"Read": write(func(tn *town, c *httpapi.Client) (int, error) {
		return c.Read(tn.ctx, tn.conversation(), named[id.Message](tn, "message"), "read")
	}),
	"Attachment": read(func(tn *town, c *httpapi.Client) (kithttp.Blob, error) {
		b, err := c.Attachment(tn.ctx, named[id.Message](tn, "message"))
		b.Header = nil // only HTTP has them
		return b, err
	}),
	"Propose": write(func(tn *town, c *httpapi.Client) (httpapi.Reservation, error) {
		return c.Propose(tn.ctx, tn.conversation(), tn.proposal(), "propose")
	}),
	"ConversationReservations": read(func(tn *town, c *httpapi.Client) (httpapi.Page[httpapi.Reservation], error) {
		return c.ConversationReservations(tn.ctx, tn.conversation(), httpapi.Paging{})
	}),
	"Reservations": read(func(tn *town, c *httpapi.Client) (httpapi.Page[httpapi.Reservation], error) {
		return c.Reservations(tn.ctx, httpapi.Agenda{Role: reservations.AsVoyager, From: new(httpapi.Time(tn.clock()))}, httpapi.Paging{})
	}),
	"Reservation": read(func(tn *town, c *httpapi.Client) (httpapi.Reservation, error) {
		return c.Reservation(tn.ctx, tn.reservation())
	}),
	"Accept": write(func(tn *town, c *httpapi.Client) (httpapi.Reservation, error) {
		return c.Accept(tn.ctx, tn.reservation(), "accept")
	}).by("local"),
	"Decline": write(func(tn *town, c *httpapi.Client) (httpapi.Reservation, error) {
		return c.Decline(tn.ctx, tn.reservation(), "decline")
	}).by("local"),
	"Cancel": write(func(tn *town, c *httpapi.Client) (httpapi.Reservation, error) {
		return c.Cancel(tn.ctx, tn.reservation(), "cancel")
	}),
	"Wallet": read(func(tn *town, c *httpapi.Client) (httpapi.Wallet, error) { return c.Wallet(tn.ctx) }),
	"Transactions": read(func(tn *town, c *httpapi.Client) (httpapi.Page[httpapi.Transaction], error) {
		return c.Transactions(tn.ctx, httpapi.Paging{})
	}),

	"Report": write(func(tn *town, c *httpapi.Client) (httpapi.Report, error) {
		return c.Report(tn.ctx, httpapi.Complaint{ReportedUserID: tn.user("local"), Reason: "rude", MessageID: new(named[id.Message](tn, "message"))}, "report")
	}),
	"MyReports": read(func(tn *town, c *httpapi.Client) (httpapi.Page[httpapi.Report], error) {
		return c.MyReports(tn.ctx, httpapi.Paging{})
	}).by("stranger"),
	"Blocks": read(func(tn *town, c *httpapi.Client) (httpapi.Page[httpapi.Block], error) {
		return c.Blocks(tn.ctx, httpapi.Paging{})
	}),
	"Block":   act(func(tn *town, c *httpapi.Client) error { return c.Block(tn.ctx, tn.user("local")) }),
	"Unblock": act(func(tn *town, c *httpapi.Client) error { return c.Unblock(tn.ctx, tn.user("local")) }),
	"MySanctions": read(func(tn *town, c *httpapi.Client) (httpapi.Page[httpapi.Sanction], error) {
		return c.MySanctions(tn.ctx, httpapi.Paging{})
	}).by("stranger"),
	"Appeal": write(func(tn *town, c *httpapi.Client) (httpapi.Sanction, error) {
		return c.Appeal(tn.ctx, named[id.Sanction](tn, "sanction"), "It was the radio.", "appeal")
	}).by("stranger"),

	"Users": read(func(tn *town, c *httpapi.Client) (httpapi.Page[httpapi.User], error) {
		return c.Users(tn.ctx, httpapi.AccountFilter{Role: users.RoleAdmin, IsActive: new(true)}, httpapi.Paging{})
	}).by("admin"),
	"User": read(func(tn *town, c *httpapi.Client) (httpapi.User, error) { return c.User(tn.ctx, tn.user("voyager")) }).by("admin"),
	"ChangeUser": write(func(tn *town, c *httpapi.Client) (httpapi.User, error) {
		return c.ChangeUser(tn.ctx, tn.user("voyager"), httpapi.AccountChange{IsActive: kithttp.Some(false), Reason: kithttp.Some("asked to")})
	}).by("admin"),
	"PostTokens": write(func(tn *town, c *httpapi.Client) (httpapi.Transaction, error) {
		in := httpapi.Adjustment{Type: "BONUS", Amount: 7, Reason: "kind"}
		if err := json.Unmarshal([]byte(`{"metadata":{"order":{"n":12,"of":["a",null,true]}}}`), &in); err != nil {
			return httpapi.Transaction{}, err
		}
		return c.PostTokens(tn.ctx, tn.user("voyager"), in, "post")
	}).by("admin"),
	"UserTransactions": read(func(tn *town, c *httpapi.Client) (httpapi.Page[httpapi.Transaction], error) {
		return c.UserTransactions(tn.ctx, tn.user("voyager"), httpapi.Paging{})
	}).by("admin"),
	"CreateInterest": write(func(tn *town, c *httpapi.Client) (httpapi.Interest, error) {
		return c.CreateInterest(tn.ctx, httpapi.InterestInput{Name: "Chess", IsActive: new(false)}, "create")
	}).by("admin"),
	"AllInterests": read(func(tn *town, c *httpapi.Client) (httpapi.Page[httpapi.Interest], error) {
		return c.AllInterests(tn.ctx, httpapi.Paging{})
	}).by("admin"),
	"ChangeInterest": write(func(tn *town, c *httpapi.Client) (httpapi.Interest, error) {
		return c.ChangeInterest(tn.ctx, named[id.Interest](tn, "interest"), httpapi.InterestChange{Icon: kithttp.Some("boot")})
	}).by("admin"),
	"Reports": read(func(tn *town, c *httpapi.Client) (httpapi.Page[httpapi.AdminReport], error) {
		return c.Reports(tn.ctx, moderation.Pending, httpapi.Paging{})
	}).by("admin"),
	"ReportByID": read(func(tn *town, c *httpapi.Client) (httpapi.Case, error) {
		return c.ReportByID(tn.ctx, named[id.Report](tn, "report"))
	}).by("admin"),
	"ChangeReport": write(func(tn *town, c *httpapi.Client) (httpapi.AdminReport, error) {
		return c.ChangeReport(tn.ctx, named[id.Report](tn, "report"), httpapi.ReportChange{
			Status: kithttp.Some(moderation.Resolved), AdminNotes: kithttp.Null[string](),
		})
	}).by("admin"),
	"AllReservations": read(func(tn *town, c *httpapi.Client) (httpapi.Page[httpapi.Reservation], error) {
		return c.AllReservations(tn.ctx, httpapi.ReservationFilter{UserID: new(tn.user("voyager"))}, httpapi.Paging{})
	}).by("admin"),
	"EndReservation": write(func(tn *town, c *httpapi.Client) (httpapi.Reservation, error) {
		must[httpapi.Reservation](tn.t)(tn.people["local"].Accept(tn.ctx, tn.reservation(), ""))
		return c.EndReservation(tn.ctx, tn.reservation(), httpapi.ReservationEnd{Status: reservations.Cancelled, Reason: "ill"})
	}).by("admin"),
	"Audit": read(func(tn *town, c *httpapi.Client) (httpapi.Page[httpapi.AuditRecord], error) {
		return c.Audit(tn.ctx, httpapi.Paging{})
	}).by("admin"),
	"VerifyLedger": read(func(tn *town, c *httpapi.Client) (httpapi.Verification, error) { return c.VerifyLedger(tn.ctx) }).by("admin"),
	"Impose": write(func(tn *town, c *httpapi.Client) (httpapi.AdminSanction, error) {
		return c.Impose(tn.ctx, tn.user("local"), httpapi.SanctionInput{Kind: moderation.Restriction, Reason: "rude", EndsAt: new(httpapi.Time(tn.clock().AddDate(0, 1, 0)))}, "impose")
	}).by("admin"),
	"Sanctions": read(func(tn *town, c *httpapi.Client) (httpapi.Page[httpapi.AdminSanction], error) {
		return c.Sanctions(tn.ctx, tn.user("stranger"), httpapi.Paging{})
	}).by("admin"),
	"Decide": write(func(tn *town, c *httpapi.Client) (httpapi.AdminSanction, error) {
		return c.Decide(tn.ctx, named[id.Sanction](tn, "sanction"), httpapi.Decision{Outcome: moderation.Lifted})
	}).by("admin"),
	"CreateWebhook": write(func(tn *town, c *httpapi.Client) (httpapi.WebhookWithSecret, error) {
		return c.CreateWebhook(tn.ctx, httpapi.WebhookInput{URL: "https://example.org/new", Types: &[]events.Type{events.TypeMessageSent}})
	}).by("admin"),
	"Webhooks": read(func(tn *town, c *httpapi.Client) (httpapi.Page[httpapi.Webhook], error) {
		return c.Webhooks(tn.ctx, httpapi.Paging{})
	}).by("admin"),
	"Webhook": read(func(tn *town, c *httpapi.Client) (httpapi.Webhook, error) {
		return c.Webhook(tn.ctx, named[id.Webhook](tn, "webhook"))
	}).by("admin"),
	"ChangeWebhook": write(func(tn *town, c *httpapi.Client) (httpapi.Webhook, error) {
		return c.ChangeWebhook(tn.ctx, named[id.Webhook](tn, "webhook"), httpapi.WebhookChange{
			Description: kithttp.Some("shop"), Types: &[]events.Type{},
		})
	}).by("admin"),
	"RemoveWebhook": act(func(tn *town, c *httpapi.Client) error {
		return c.RemoveWebhook(tn.ctx, named[id.Webhook](tn, "webhook"))
	}).by("admin"),
	"RotateWebhook": write(func(tn *town, c *httpapi.Client) (httpapi.WebhookWithSecret, error) {
		return c.RotateWebhook(tn.ctx, named[id.Webhook](tn, "webhook"))
	}).by("admin"),
	"AsideEvents": read(func(tn *town, c *httpapi.Client) (httpapi.Page[httpapi.AsideEvent], error) {
		return c.AsideEvents(tn.ctx, httpapi.AsideFilter{Subscriber: "mail"}, httpapi.Paging{})
	}).by("admin"),
	"RetryEvent": write(func(tn *town, c *httpapi.Client) (httpapi.AsideEvent, error) {
		aside := must[httpapi.Page[httpapi.AsideEvent]](tn.t)(tn.people["admin"].AsideEvents(tn.ctx, httpapi.AsideFilter{}, httpapi.Paging{}))
		return c.RetryEvent(tn.ctx, "mail", aside.Items[0].Position, "retry")
	}).by("admin"),
	"Subscriptions": read(func(tn *town, c *httpapi.Client) (httpapi.Page[httpapi.Subscription], error) {
		return c.Subscriptions(tn.ctx, httpapi.Paging{})
	}).by("admin"),
	"ChangeSubscription": write(func(tn *town, c *httpapi.Client) (httpapi.Subscription, error) {
		return c.ChangeSubscription(tn.ctx, "mail", httpapi.SubscriptionChange{Position: kithttp.Some(int64(0))})
	}).by("admin"),

	"Healthy": act(func(tn *town, c *httpapi.Client) error { return c.Healthy(tn.ctx) }),
	"Ready":   act(func(tn *town, c *httpapi.Client) error { return c.Ready(tn.ctx) }),
}

// TestClientOverBothProtocols calls each method over HTTP and over gRPC, as the one who may and as others,
// and compares what it returns.
func TestClientOverBothProtocols(t *testing.T) {
	others := []string{"As", "Close", "Events", "OpenAPI"}
	for m := range reflect.TypeFor[*httpapi.Client]().Methods() {
		if _, ok := usages[m.Name]; ok == slices.Contains(others, m.Name) {
			t.Errorf("the method %s is tested here: %v", m.Name, ok)
		}
	}
	for name, u := range usages {
		for _, as := range []string{u.as, "stranger", "nobody"} {
			if as == "" {
				as = "voyager"
			}
			t.Run(name+"/"+as, func(t *testing.T) {
				if u.reads { // what it returns is the same in each respect
					tn := newTown(t)
					overHTTP, overGRPC := tn.client.As(tn.people[as].token), tn.overGRPC().As(tn.people[as].token)
					want, failed := u.method(tn, overHTTP)
					got, err := u.method(tn, overGRPC)
					if !reflect.DeepEqual(got, want) || !sameFault(err, failed) {
						t.Errorf("over gRPC:\n%+v, %v\nover HTTP:\n%+v, %v", got, err, want, failed)
					}
					return
				}
				tn, another := newTown(t), newTown(t)
				want, failed := u.method(tn, tn.client.As(tn.people[as].token))
				got, err := u.method(another, another.overGRPC().As(another.people[as].token))
				if got, want := alike(t, got), alike(t, want); got != want || !sameFault(err, failed) {
					t.Errorf("over gRPC:\n%s, %v\nover HTTP:\n%s, %v", got, err, want, failed)
				}
			})
		}
	}
}

// random is what differs in two towns.
var random = regexp.MustCompile(`whsec_[A-Za-z0-9+/=]+|[0-9a-f]{8}-[0-9a-f-]{27}|eyJ[^"]+|[A-Za-z0-9_-]{20,}|secret=[A-Z2-7]+`)

// alike returns a value as JSON, without what differs in two towns.
func alike(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return random.ReplaceAllString(string(b), "#")
}

// sameFault reports whether two errors are the same for a caller.
func sameFault(a, b error) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	f, ok := errors.AsType[*fault.Error](a)
	g, also := errors.AsType[*fault.Error](b)
	if !ok || !also || !errors.Is(f, g) {
		return false
	}
	return f.RetryAfter == g.RetryAfter && strings.Join(fieldsOf(f), " ") == strings.Join(fieldsOf(g), " ")
}

func fieldsOf(f *fault.Error) []string {
	var names []string
	for _, field := range f.Fields {
		names = append(names, field.Name)
	}
	slices.Sort(names)
	return names
}
