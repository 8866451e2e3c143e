package privacy_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/privacy"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// exported is an export of which all lists were read.
type exported struct {
	MadeAt        time.Time
	User          users.User
	Profile       matching.Profile
	Interests     []matching.Interest
	Wallet        reservations.Funds
	Transactions  []tokens.Transaction
	Conversations []exportedConversation
	Reservations  []reservations.View
	Reports       []moderation.FiledReport
	Blocks        []matching.BlockedPerson
	Sessions      []users.Session
	Sanctions     []moderation.Sanction
	Acts          []moderation.AuditRecord
}

type exportedConversation struct {
	Overview messaging.Overview
	Messages []exportedMessage
}

type exportedMessage struct {
	Message messaging.Message
	Image   messaging.Attachment
}

func all[T any](t *testing.T, items iter.Seq2[T, error]) []T {
	t.Helper()
	list, err := page.Collect(items)
	coretest.Is(t, err, nil)
	return list
}

// read reads all lists of an export.
func read(t *testing.T, e privacy.Export) exported {
	t.Helper()
	x := exported{
		MadeAt: e.MadeAt, User: e.User, Profile: e.Profile, Interests: e.Interests, Wallet: e.Wallet,
		Transactions: all(t, e.Transactions), Reservations: all(t, e.Reservations), Reports: all(t, e.Reports),
		Blocks: all(t, e.Blocks), Sessions: all(t, e.Sessions), Sanctions: all(t, e.Sanctions),
		Acts: all(t, e.Acts),
	}
	for _, c := range all(t, e.Conversations) {
		talk := exportedConversation{Overview: c.Overview}
		for _, m := range all(t, c.Messages) {
			message := exportedMessage{Message: m.Message}
			if m.Image != nil {
				image, err := m.Image()
				coretest.Is(t, err, nil)
				message.Image = image
			}
			talk.Messages = append(talk.Messages, message)
		}
		x.Conversations = append(x.Conversations, talk)
	}
	return x
}

func (s *scene) export(t *testing.T) exported {
	t.Helper()
	e, err := s.Privacy.Export(s.Ctx, users.Caller{UserID: s.voyager})
	coretest.Is(t, err, nil)
	return read(t, e)
}

func TestExport(t *testing.T) {
	s := newScene(t)
	picture := "data:image/gif;base64," + base64.StdEncoding.EncodeToString(coretest.Picture("image/gif", 5, 5))
	look, err := s.Messaging.Send(s.Ctx, s.local, s.talk, messaging.Draft{Content: "Look!", Attachment: messaging.ParseDataURL([]byte(picture))}, "")
	coretest.Is(t, err, nil)
	s.Clock.Advance(time.Second)
	_, err = s.Messaging.Send(s.Ctx, s.voyager, s.talk, messaging.Draft{Content: "Lovely"}, "")
	coretest.Is(t, err, nil)
	s.reservation(t, 2, true)
	filed, err := s.Messaging.Report(s.Ctx, s.voyager, messaging.ReportInput{
		ReportInput: moderation.ReportInput{ReportedUserID: s.local, Reason: "late"}, MessageID: look.ID,
	}, "")
	coretest.Is(t, err, nil)
	_, err = s.Moderation.Report(s.Ctx, s.local, moderation.ReportInput{ReportedUserID: s.voyager, Reason: "about-the-caller"}, "")
	coretest.Is(t, err, nil)
	resolved, notes := moderation.Resolved, "between-admins"
	_, err = s.Moderation.ChangeReport(s.Ctx, s.Admin(), filed.ID, moderation.ReportChange{Status: &resolved, Notes: &notes})
	coretest.Is(t, err, nil)
	_, err = s.Moderation.PostTokens(s.Ctx, s.Admin(), s.voyager, moderation.Adjustment{Type: tokens.Penalty, Amount: -3, Reason: "noise"}, "")
	coretest.Is(t, err, nil)
	s.Block(s.voyager, s.local)
	s.SignIn("Vera")

	e := s.export(t)
	if e.User.ID != s.voyager || e.User.Email != coretest.Email("Vera") || e.MadeAt != s.Clock.Now() {
		t.Errorf("the account is %+v", e.User)
	}
	if e.Profile != (matching.Profile{UserID: s.voyager}) || len(e.Interests) != 0 {
		t.Errorf("got the profile %+v, want an empty one", e.Profile)
	}
	if e.Wallet != (reservations.Funds{Balance: 36, Held: 10}) || len(e.Transactions) != 4 {
		t.Errorf("the wallet is %+v with %d transactions, want 36, 10 held, and 4", e.Wallet, len(e.Transactions))
	}
	if len(e.Sessions) != 1 || len(e.Reservations) != 1 || len(e.Blocks) != 1 || len(e.Reports) != 1 || len(e.Acts) != 1 {
		t.Errorf("got %+v, want one session, reservation, block, report and sanction", e)
	}
	if copied := e.Reports[0].Messages; len(copied) != 1 || copied[0].Content != "Look!" || copied[0].Attachment != "image/gif" {
		t.Errorf("the report has the messages %+v", copied)
	}
	if len(e.Conversations) != 1 || len(e.Conversations[0].Messages) != 2 {
		t.Fatalf("the conversations are %+v", e.Conversations)
	}
	if m := e.Conversations[0].Messages[1]; m.Image.DataURL() != picture || m.Message.UserID != s.local {
		t.Errorf("the message of the other participant is %+v", m)
	}
	b, err := json.Marshal(e)
	coretest.Is(t, err, nil)
	for what, secret := range map[string]string{
		"a report about the caller": "about-the-caller", "an admin's notes": "between-admins",
		"the id of the admin": s.Admin().String(), "the address of the other participant": coretest.Email("Luca"),
	} {
		if strings.Contains(string(b), secret) {
			t.Errorf("the export contains %s", what)
		}
	}
}

func withoutQuotas(p *coretest.Policies) { p.Messaging.MaxUnanswered = 1000 }

// The export contains more rows than one page.
func TestExportMany(t *testing.T) {
	s := newScene(t, withoutQuotas)
	s.Fund(s.voyager, 500)
	const n = 230
	for i := range n {
		_, err := s.Messaging.Send(s.Ctx, s.voyager, s.talk, messaging.Draft{Content: fmt.Sprint(i)}, "")
		coretest.Is(t, err, nil)
	}
	e := s.export(t)
	if got := len(e.Conversations[0].Messages); got != n || len(e.Transactions) != n+2 {
		t.Errorf("exported %d messages and %d transactions, want %d and %d", got, len(e.Transactions), n, n+2)
	}
}

// What is added after an export was made is in none of its lists, however late they are read.
func TestExportHasAMark(t *testing.T) {
	s := newScene(t)
	_, err := s.Messaging.Send(s.Ctx, s.voyager, s.talk, messaging.Draft{Content: "before"}, "")
	coretest.Is(t, err, nil)
	s.reservation(t, 2, false)
	mira, nina := s.Local("Mira"), s.Person("Nina")
	s.Block(s.voyager, mira)
	empty := s.Conversation(s.voyager, s.Local("Otto"))
	e, err := s.Privacy.Export(s.Ctx, users.Caller{UserID: s.voyager})
	coretest.Is(t, err, nil)
	before := read(t, e)

	s.Clock.Advance(time.Second)
	_, err = s.Messaging.Send(s.Ctx, s.local, s.talk, messaging.Draft{Content: "after"}, "")
	coretest.Is(t, err, nil)
	_, err = s.Messaging.Send(s.Ctx, s.voyager, empty, messaging.Draft{Content: "after"}, "")
	coretest.Is(t, err, nil)
	s.Conversation(s.voyager, s.Local("Paul"))
	s.reservation(t, 4, false)
	s.Block(s.voyager, nina)
	_, err = s.Moderation.Report(s.Ctx, s.voyager, moderation.ReportInput{ReportedUserID: s.local, Reason: "late"}, "")
	coretest.Is(t, err, nil)
	_, err = s.Moderation.PostTokens(s.Ctx, s.Admin(), s.voyager, moderation.Adjustment{Type: tokens.Penalty, Amount: -3, Reason: "noise"}, "")
	coretest.Is(t, err, nil)
	s.SignIn("Vera")

	later := read(t, e)
	for _, x := range []*exported{&before, &later} {
		for i := range x.Conversations {
			x.Conversations[i].Overview = messaging.Overview{} // is read anew
		}
	}
	if got, want := fmt.Sprintf("%+v", later), fmt.Sprintf("%+v", before); got != want {
		t.Errorf("later the export has\n%s\nwant\n%s", got, want)
	}
	if now := s.export(t); len(now.Conversations) != 3 || len(now.Blocks) != 2 || len(now.Reports) != 1 || len(now.Acts) != 1 || len(now.Reservations) != 2 {
		t.Errorf("a new export has %+v", now)
	}
}

// interrupted runs a function after each unit of work.
type interrupted struct {
	ports.Storage
	after func()
}

func (i *interrupted) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	err := i.Storage.Run(ctx, mode, fn)
	if i.after != nil {
		i.after()
	}
	return err
}

// A conversation that moves to the front of the list while the list is read is in the export.
func TestExportOfManyConversations(t *testing.T) {
	storage := &interrupted{Storage: memory.New()}
	s := newSceneIn(t, storage)
	const n = 120 // more than one page
	var open []id.Conversation
	for i := range n {
		s.Clock.Advance(2 * time.Hour) // within the quota
		open = append(open, s.Conversation(s.voyager, s.Local(fmt.Sprint("Local", i))))
	}
	units := 0
	storage.after = func() {
		if units++; units == 2 { // the first page of conversations was read
			s.Clock.Advance(time.Second)
			_, err := s.Messaging.Send(s.Ctx, s.voyager, open[0], messaging.Draft{Content: "hello"}, "")
			coretest.Is(t, err, nil)
		}
	}
	var got []id.Conversation
	for _, c := range s.export(t).Conversations {
		got = append(got, c.Overview.Conversation.ID)
	}
	want := append(open, s.talk)
	slices.SortFunc(got, id.Conversation.Compare)
	slices.SortFunc(want, id.Conversation.Compare)
	if units < 4 || !slices.Equal(got, want) {
		t.Errorf("exported %d conversations, want %d", len(got), len(want))
	}
}

// Each batch checks the account.
func TestExportEndsWithTheAccount(t *testing.T) {
	s := newScene(t, withoutQuotas)
	s.Fund(s.voyager, 500)
	for range 2 * page.MaxLimit {
		_, err := s.Messaging.Send(s.Ctx, s.voyager, s.talk, messaging.Draft{Content: "hello"}, "")
		coretest.Is(t, err, nil)
	}
	e, err := s.Privacy.Export(s.Ctx, users.Caller{UserID: s.voyager})
	coretest.Is(t, err, nil)
	talks := all(t, e.Conversations)
	n := 0
	for _, err := range e.Transactions {
		if n++; n == 1 {
			s.SetActive(s.voyager, false)
		}
		if n <= page.MaxLimit {
			coretest.Is(t, err, nil)
		} else {
			coretest.Is(t, err, users.ErrNotSignedIn)
		}
	}
	if n != page.MaxLimit+1 {
		t.Errorf("got %d transactions and errors, want %d", n, page.MaxLimit+1)
	}
	_, err = page.Collect(e.Sessions)
	coretest.Is(t, err, users.ErrNotSignedIn)
	_, err = page.Collect(e.Conversations)
	coretest.Is(t, err, users.ErrNotSignedIn)
	_, err = page.Collect(talks[0].Messages)
	coretest.Is(t, err, users.ErrNotSignedIn)
}

// A caller who signs out, or whose password changes, gets no further batch.
func TestExportEndsWithTheSession(t *testing.T) {
	s := newScene(t)
	in := s.SignIn("Vera")
	caller, err := s.Users.Authenticate(s.Ctx, in.AccessToken)
	coretest.Is(t, err, nil)
	e, err := s.Privacy.Export(s.Ctx, caller)
	coretest.Is(t, err, nil)
	all(t, e.Transactions)
	coretest.Is(t, s.Users.SignOut(s.Ctx, in.RefreshToken), nil)
	_, err = page.Collect(e.Transactions)
	coretest.Is(t, err, users.ErrNotSignedIn)
	_, err = s.Privacy.Export(s.Ctx, caller)
	coretest.Is(t, err, users.ErrNotSignedIn)
}
