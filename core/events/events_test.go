package events_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
)

var (
	noon    = time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)
	ada     = id.User{15: 1}
	ben     = id.User{15: 2}
	talk    = id.Conversation{15: 3}
	message = id.Message{15: 4}
	walk    = events.Reservation{
		ByID: ben, ConversationID: talk, CreatorID: ada, LocalID: ben, ReservationID: id.Reservation{15: 5}, VoyagerID: ada,
	}
)

// all has an event of each type, with every field.
var all = []events.Data{
	events.UserSignedUp{UserID: ada},
	events.UserVerified{UserID: ada},
	events.UserErased{UserID: ada},
	events.UserSanctioned{EndsAt: noon.Add(1500 * time.Millisecond), Kind: "restricted", SanctionID: id.Sanction{15: 6}, UserID: ada},
	events.UserDeactivated{UserID: ada},
	events.UserReactivated{UserID: ada},
	events.ProfileChanged{UserID: ada},
	events.InterestChanged{InterestID: id.Interest{15: 7}},
	events.ConversationOpened{ConversationID: talk, LocalID: ben, VoyagerID: ada},
	events.MessageSent{ConversationID: talk, MessageID: message, RecipientID: ben, SenderID: ada},
	events.MessageRead{ConversationID: talk, ReaderID: ben, SenderID: ada, UpTo: message},
	events.ReservationProposed{Reservation: walk},
	events.ReservationAccepted{Reservation: walk},
	events.ReservationDeclined{Reservation: walk},
	events.ReservationCancelled{Reservation: walk},
	events.ReservationExpired{Reservation: walk},
	events.ReservationCompleted{Reservation: walk},
	events.ReservationReminded{Reservation: walk},
	events.WalletChanged{Amount: -1, BalanceAfter: tokens.MaxBalance, TransactionID: id.Transaction{15: 8}, Type: "MESSAGE_SENT", UserID: ada},
	events.BlockAdded{BlockedUserID: ben, UserID: ada},
	events.BlockRemoved{BlockedUserID: ben, UserID: ada},
	events.MailRequested{Kind: "password_reset", MailID: id.Mail{15: 10}, UserID: ada},
	events.ReportFiled{ReportID: id.Report{15: 9}, ReportedUserID: ben, ReporterID: ada},
	events.ReportMoved{ReportID: id.Report{15: 9}, ReportedUserID: ben, ReporterID: ada, Status: "resolved"},
	events.Deferred{
		Aggregate: "user/" + events.Aggregate(ada.String()), At: noon.Add(1500 * time.Millisecond), Data: `{"user_id":"` + ada.String() + `"}`,
		EventID: id.Event{15: 10}, Seq: 7, Subscriber: "hotel", Type: events.TypeUserErased, Version: 1,
	},
}

// TestJSON compares the JSON of each type with that of its version, which never changes. A type that
// changes gets a new version, with a file of its own.
func TestJSON(t *testing.T) {
	var types []events.Type
	for _, data := range all {
		e := events.New(id.NewGenerator(nil), noon, 1, data)
		types = append(types, e.Type)
		text := events.Encode(data)
		want, err := os.ReadFile(filepath.Join("testdata", fmt.Sprintf("%s.v%d.json", e.Type, e.Version)))
		if err != nil {
			t.Error(err)
			continue
		}
		if got := fmt.Sprintf("%s %s\n", e.Aggregate, text); got != string(want) {
			t.Errorf("%s: got %swant %s", e.Type, got, want)
		}
		if canonical, err := tokens.Canonical([]byte(text)); err != nil || canonical != text {
			t.Errorf("%s is not canonical: got %s, %v", text, canonical, err)
		}
		if got := events.Decode(e.Type, e.Version, text); got != data {
			t.Errorf("%s came back as %+v", text, got)
		}
	}
	types = slices.DeleteFunc(types, func(t events.Type) bool { return t == events.TypeDeferred })
	slices.Sort(types)
	if !slices.Equal(types, events.Types()) {
		t.Errorf("the test has the types %q, want %q", types, events.Types())
	}
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) < len(types) {
		t.Errorf("there are %d files, %v", len(files), err)
	}
}

func TestWithoutWhatMayBeAbsent(t *testing.T) {
	for data, want := range map[events.Data]string{
		events.UserSanctioned{Kind: "warning", UserID: ada}: `{"kind":"warning","sanction_id":"` + id.Sanction{}.String() + `","user_id":"` + ada.String() + `"}`,
		events.MailRequested{Kind: "password_reset"}:        `{"kind":"password_reset","mail_id":"` + id.Mail{}.String() + `"}`,
		events.ReservationExpired{}:                         `{"conversation_id":`,
	} {
		if got := events.Encode(data); !strings.HasPrefix(got, want) {
			t.Errorf("%+v: got %s, want %s", data, got, want)
		}
	}
}

func TestUnknown(t *testing.T) {
	text := events.Encode(events.UserErased{UserID: ada})
	for _, unknown := range []struct {
		t       events.Type
		version int64
		data    string
	}{
		{"user.promoted", 1, text}, {events.TypeUserErased, 2, text}, {events.TypeUserErased, 0, text},
		{events.TypeUserErased, 1, `{"more":1,` + text[1:]}, {events.TypeUserErased, 1, `{}`}, {events.TypeUserErased, 1, `{`},
	} {
		got := events.Decode(unknown.t, unknown.version, unknown.data)
		if got != events.Raw(unknown.data) || events.Encode(got) != unknown.data {
			t.Errorf("%+v was decoded as %+v", unknown, got)
		}
	}
	if events.Type("user.promoted").Valid() || events.TypeDeferred.Valid() || !events.TypeUserErased.Valid() {
		t.Error("a type that does not exist is valid, or one that exists is not")
	}
}

// TestEventWith checks that an event is about what its new data says.
func TestEventWith(t *testing.T) {
	ids := id.NewGenerator(nil)
	before := events.New(ids, noon, 0, events.WalletChanged{Amount: 1})
	data := events.WalletChanged{Amount: 7, UserID: id.User(ids.Next())}
	got := before.With(5, data)
	want := before
	want.Aggregate, want.Seq, want.Data = "wallet/"+events.Aggregate(data.UserID.String()), 5, data
	if got != want {
		t.Errorf("With returned %+v, want %+v", got, want)
	}
}
