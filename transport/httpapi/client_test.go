package httpapi_test

import (
	"errors"
	"net/http/httptest"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// TestErrorsOfTheClient checks that the client returns errors for which errors.Is holds with the
// errors of core.
func TestErrorsOfTheClient(t *testing.T) {
	tn := newTown(t)
	voyager, local, stranger, admin := tn.people["voyager"], tn.people["local"], tn.people["stranger"], tn.people["admin"]
	conversation := must[httpapi.Page[httpapi.Conversation]](t)(voyager.Conversations(tn.ctx, httpapi.Paging{})).Items[0].ID
	reservation := must[httpapi.Page[httpapi.Reservation]](t)(voyager.Reservations(tn.ctx, httpapi.Agenda{}, httpapi.Paging{})).Items[0].ID
	expensive := tn.proposal()
	if err := expensive.Price.UnmarshalText([]byte("99")); err != nil {
		t.Fatal(err)
	}
	tooExpensive := must[httpapi.Reservation](t)(voyager.Propose(tn.ctx, conversation, expensive, ""))
	must[httpapi.Message](t)(voyager.Send(tn.ctx, conversation, httpapi.Draft{Content: new("hi")}, "used"))

	for want, err := range map[*fault.Error]func() error{
		users.ErrNotSignedIn: func() error { _, err := tn.client.Me(tn.ctx); return err },
		users.ErrSignIn:      func() error { _, err := tn.client.SignIn(tn.ctx, voyager.email, "wrong"); return err },
		users.ErrAdminsOnly:  func() error { _, err := voyager.VerifyLedger(tn.ctx); return err },
		users.ErrEmailTaken: func() error {
			_, err := tn.client.SignUp(tn.ctx, httpapi.SignUp{Name: "V", Email: voyager.email, Password: password}, "")
			return err
		},
		users.ErrLastAdmin:           func() error { return admin.EraseMe(tn.ctx, password) },
		users.ErrNotFound:            func() error { _, err := admin.User(tn.ctx, id.User(conversation)); return err },
		tokens.ErrTooFewTokens:       func() error { _, err := local.Accept(tn.ctx, tooExpensive.ID, ""); return err },
		messaging.ErrNotFound:        func() error { _, err := stranger.Conversation(tn.ctx, conversation); return err },
		messaging.ErrNobody:          func() error { _, err := local.OpenConversation(tn.ctx, stranger.id, ""); return err },
		matching.ErrProfileNotFound:  func() error { _, err := stranger.Profile(tn.ctx, voyager.id); return err },
		reservations.ErrStatus:       func() error { _, err := voyager.Decline(tn.ctx, reservation, ""); return err },
		reservations.ErrNotFound:     func() error { _, err := stranger.Cancel(tn.ctx, reservation, ""); return err },
		moderation.ErrReportNotFound: func() error { _, err := admin.ReportByID(tn.ctx, id.Report(conversation)); return err },
		moderation.ErrReportPending: func() error {
			_, err := stranger.Report(tn.ctx, httpapi.Complaint{ReportedUserID: voyager.id, Reason: "again"}, "")
			return err
		},
		idempotency.ErrKeyReused: func() error {
			_, err := voyager.Send(tn.ctx, conversation, httpapi.Draft{Content: new("bye")}, "used")
			return err
		},
	} {
		t.Run(want.Code, func(t *testing.T) {
			tn.unchanged(func() {
				if err := err(); !errors.Is(err, want) || !errors.Is(err, want.Kind) {
					t.Errorf("got %v, want %v", err, want)
				}
			})
		})
	}
	t.Run("the fields", func(t *testing.T) {
		_, err := voyager.ChangeMe(tn.ctx, httpapi.UserChange{Name: kithttp.Some(""), Location: kithttp.Some("a\x1bb")})
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Kind != fault.Invalid || len(f.Fields) != 2 || f.Fields[0].Name != "name" || f.Fields[1].Name != "location" {
			t.Errorf("got %v, want both fields", err)
		}
	})
}

// TestTwoHundredSends sends 200 messages concurrently as a user with 50 tokens, to one who has answered
// before. 50 are sent, and 150 are refused.
func TestTwoHundredSends(t *testing.T) {
	w := newWorld(t, func(o *httpapi.Options) { o.Limits = edge.DefaultLimits() })
	ada, ben := w.person("Ada"), w.person("Ben")
	w.searchable(ben)
	c := w.talk(ada, ben)
	must[httpapi.Message](t)(ben.Send(w.ctx, c, httpapi.Draft{Content: new("hello")}, ""))
	errs := make([]error, 200)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { _, errs[i] = ada.Send(w.ctx, c, httpapi.Draft{Content: new("hi")}, "") })
	}
	all.Wait()
	sent, tooFew := 0, 0
	for _, err := range errs {
		switch {
		case err == nil:
			sent++
		case errors.Is(err, tokens.ErrTooFewTokens):
			tooFew++
		default:
			t.Error(err)
		}
	}
	if sent != 50 || tooFew != 150 {
		t.Errorf("got %d sent and %d refused, want 50 and 150", sent, tooFew)
	}
	if wallet := must[httpapi.Wallet](t)(ada.Wallet(w.ctx)); wallet.Balance != 0 {
		t.Errorf("got balance %d, want 0", wallet.Balance)
	}
}

// TestClientOverTheNetwork calls the other methods of the client over a real connection.
func TestClientOverTheNetwork(t *testing.T) {
	tn := newTown(t)
	server := httptest.NewServer(tn.api)
	defer server.Close()
	nobody, err := httpapi.NewClient(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	ctx := tn.ctx
	as := func(name string) *httpapi.Client { return nobody.As(tn.people[name].token) }
	voyager, local, admin := as("voyager"), as("local"), as("admin")

	if _, err := voyager.As("").Me(ctx); !errors.Is(err, users.ErrNotSignedIn) {
		t.Errorf("without a token: got %v, want %v", err, users.ErrNotSignedIn)
	}
	conversation := must[httpapi.Conversation](t)(voyager.OpenConversation(ctx, tn.people["local"].id, "o"))
	if again := must[httpapi.Conversation](t)(voyager.Conversation(ctx, conversation.ID)); again.Other != conversation.Other && *again.Other.FirstName != "First" {
		t.Errorf("got %+v, want %+v", again, conversation)
	}
	image := picture(t, 4, 4)
	sent := must[httpapi.Message](t)(voyager.Send(ctx, conversation.ID, httpapi.Draft{Content: new("see"), Attachment: new(dataURL("image/png", image))}, "s"))
	if blob := must[kithttp.Blob](t)(local.Attachment(ctx, sent.ID)); blob.ContentType != "image/png" || !slices.Equal(blob.Body, image) {
		t.Errorf("got %s of %d bytes", blob.ContentType, len(blob.Body))
	}
	if n := must[int](t)(local.Read(ctx, conversation.ID, sent.ID, "r")); n != 1 {
		t.Errorf("got %d marked, want 1", n)
	}
	if list := must[httpapi.Page[httpapi.Message]](t)(local.Messages(ctx, conversation.ID, httpapi.Paging{Limit: 1})); !list.Items[0].Read || list.NextCursor == "" {
		t.Errorf("got %+v", list)
	}
	proposed := must[httpapi.Reservation](t)(local.Propose(ctx, conversation.ID, tn.proposal(), "p"))
	if got := must[httpapi.Reservation](t)(local.Reservation(ctx, proposed.ID)); !reflect.DeepEqual(got, proposed) {
		t.Errorf("got %+v, want %+v", got, proposed)
	}
	if got := must[httpapi.Reservation](t)(voyager.Decline(ctx, proposed.ID, "d")); got.Status != reservations.Declined {
		t.Errorf("got %s", got.Status)
	}
	if list := must[httpapi.Page[httpapi.Reservation]](t)(voyager.ConversationReservations(ctx, conversation.ID, httpapi.Paging{})); len(list.Items) != 2 {
		t.Errorf("got %d reservations, want 2", len(list.Items))
	}
	if list := must[httpapi.Page[httpapi.Transaction]](t)(voyager.Transactions(ctx, httpapi.Paging{})); list.Items[0].Type != tokens.MessageSent {
		t.Errorf("got %+v", list.Items)
	}
	if err := errors.Join(voyager.Block(ctx, tn.people["stranger"].id), voyager.Unblock(ctx, tn.people["stranger"].id)); err != nil {
		t.Error(err)
	}
	if list := must[httpapi.Page[httpapi.Block]](t)(voyager.Blocks(ctx, httpapi.Paging{})); len(list.Items) != 0 {
		t.Errorf("got %v", list.Items)
	}
	if e := readExport(t, voyager); e.User.ID != tn.people["voyager"].id {
		t.Errorf("got %+v", e.User)
	}

	active := false
	list := must[httpapi.Page[httpapi.User]](t)(admin.Users(ctx, httpapi.AccountFilter{Query: "sam", Role: users.RoleUser, IsActive: new(true)}, httpapi.Paging{}))
	changed := must[httpapi.User](t)(admin.ChangeUser(ctx, list.Items[0].ID, httpapi.AccountChange{IsActive: kithttp.Some(active), Reason: kithttp.Some("rude")}))
	if changed.IsActive || must[httpapi.User](t)(admin.User(ctx, changed.ID)) == (httpapi.User{}) {
		t.Errorf("got %+v", changed)
	}
	reports := must[httpapi.Page[httpapi.AdminReport]](t)(admin.Reports(ctx, moderation.Pending, httpapi.Paging{}))
	moved := must[httpapi.AdminReport](t)(admin.ChangeReport(ctx, reports.Items[0].ID, httpapi.ReportChange{Status: kithttp.Some(moderation.Resolved)}))
	if moved.Status != moderation.Resolved || *moved.ReviewedBy != tn.people["admin"].id {
		t.Errorf("got %+v", moved)
	}
	warned := tn.people["local"]
	must[httpapi.AdminSanction](t)(admin.Impose(ctx, warned.id, httpapi.SanctionInput{Kind: moderation.Warning, Reason: "rude"}, ""))
	mine := must[httpapi.Page[httpapi.Sanction]](t)(warned.MySanctions(ctx, httpapi.Paging{}))
	must[httpapi.Sanction](t)(warned.Appeal(ctx, mine.Items[0].ID, "It was a joke.", ""))
	must[httpapi.AdminSanction](t)(admin.Decide(ctx, mine.Items[0].ID, httpapi.Decision{Outcome: moderation.Upheld, Answer: new("no")}))
	against := must[httpapi.Page[httpapi.AdminSanction]](t)(admin.Sanctions(ctx, warned.id, httpapi.Paging{}))
	if s := against.Items[0]; len(against.Items) != 1 || *s.Outcome != moderation.Upheld || *s.Appeal != "It was a joke." || s.CreatedBy != tn.people["admin"].id {
		t.Errorf("got %+v", s)
	}
	if trail := must[httpapi.Page[httpapi.AuditRecord]](t)(admin.Audit(ctx, httpapi.Paging{})); len(trail.Items) != 8 || trail.Items[7].ActorID != nil {
		t.Errorf("got %+v, want 8 records, the oldest by the operator", trail.Items)
	}
	if err := tn.client.SignOut(ctx, tn.people["local"].refresh); err != nil {
		t.Error(err)
	}
}

func TestNewClientRefusesAddresses(t *testing.T) {
	for _, base := range []string{"", "localhost:8080", "ftp://example.org", "http://example.org?a=b"} {
		if _, err := httpapi.NewClient(base); err == nil {
			t.Errorf("NewClient accepted %q", base)
		}
	}
}
