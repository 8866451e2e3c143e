package httpapi_test

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/png"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

const password = "correct horse"

// person is a signed-in user.
type person struct {
	*httpapi.Client
	id      id.User
	email   string
	token   string
	refresh string
}

// person signs up a user.
func (w *world) person(name string) person {
	w.t.Helper()
	email := strings.ToLower(name) + "@example.org"
	s, err := w.client.SignUp(w.ctx, httpapi.SignUp{Name: name, Email: email, Password: password}, "")
	if err != nil {
		w.t.Fatalf("sign up %s: %v", name, err)
	}
	return person{w.client.As(s.AccessToken), s.User.ID, email, s.AccessToken, s.RefreshToken}
}

// admin signs up an admin.
func (w *world) admin(name string) person {
	w.t.Helper()
	p := w.person(name)
	if _, err := w.services.Moderation.MakeAdmin(w.ctx, p.email); err != nil {
		w.t.Fatalf("appoint %s: %v", name, err)
	}
	return p
}

// searchable gives a person a searchable profile.
func (w *world) searchable(p person, interests ...id.Interest) {
	w.t.Helper()
	_, err := p.SaveProfile(w.ctx, httpapi.ProfileInput{
		FirstName: new("First"), LastName: new("Last"), City: new("Lisbon"), IsSearchable: true, InterestIDs: &interests,
	})
	if err != nil {
		w.t.Fatalf("save a profile: %v", err)
	}
}

// talk opens a conversation of a voyager with a local, who must be searchable.
func (w *world) talk(voyager, local person) id.Conversation {
	w.t.Helper()
	c, err := voyager.OpenConversation(w.ctx, local.id, "")
	if err != nil {
		w.t.Fatalf("open a conversation: %v", err)
	}
	return c.ID
}

// proposal returns a valid proposal.
func (w *world) proposal() httpapi.Proposal {
	date := w.clock().Add(24 * time.Hour)
	p := httpapi.Proposal{Title: "A walk", Date: httpapi.Time(date), EndDate: httpapi.Time(date.Add(time.Hour))}
	if err := p.Price.UnmarshalText([]byte("12.50")); err != nil {
		w.t.Fatal(err)
	}
	return p
}

// picture returns a PNG of a width and a height in pixels.
func picture(t testing.TB, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func dataURL(mediaType string, b []byte) string {
	return "data:" + mediaType + ";base64," + base64.StdEncoding.EncodeToString(b)
}

// town is a world with four people, a conversation, a message, a reservation and a report.
type town struct {
	*world
	people map[string]person // voyager, local, stranger, admin, and nobody, who is not signed in
	words  *strings.Replacer // replaces words in braces, such as {conversation}
}

func newTown(t testing.TB, change ...func(*httpapi.Options)) *town {
	t.Helper()
	w := newWorld(t, change...)
	voyager, local, stranger, admin := w.person("Vera"), w.person("Luis"), w.person("Sam"), w.admin("Ann")
	interest := must[httpapi.Interest](t)(admin.CreateInterest(w.ctx, httpapi.InterestInput{Name: "Hiking"}, ""))
	w.searchable(local, interest.ID)
	c := w.talk(voyager, local)
	message := must[httpapi.Message](t)(local.Send(w.ctx, c, httpapi.Draft{Attachment: new(dataURL("image/png", picture(t, 2, 2)))}, ""))
	reservation := must[httpapi.Reservation](t)(voyager.Propose(w.ctx, c, w.proposal(), ""))
	report := must[httpapi.Report](t)(stranger.Report(w.ctx, httpapi.Complaint{ReportedUserID: voyager.id, Reason: "rude"}, ""))
	sanction := must[httpapi.AdminSanction](t)(admin.Impose(w.ctx, stranger.id, httpapi.SanctionInput{Kind: "warning", Reason: "loud"}, ""))
	if err := w.client.ForgotPassword(w.ctx, voyager.email); err != nil {
		t.Fatal(err)
	}
	position := w.setAside("mail")
	webhook := must[httpapi.WebhookWithSecret](t)(admin.CreateWebhook(w.ctx, httpapi.WebhookInput{URL: "https://example.org/hook"}))
	session := must[httpapi.Page[httpapi.Session]](t)(voyager.Sessions(w.ctx, httpapi.Paging{})).Items[0]
	return &town{
		world:  w,
		people: map[string]person{"voyager": voyager, "local": local, "stranger": stranger, "admin": admin, "nobody": {}},
		words: strings.NewReplacer(
			"{voyager}", voyager.id.String(), "{local}", local.id.String(), "{stranger}", stranger.id.String(), "{admin}", admin.id.String(),
			"{email}", voyager.email, "{password}", password, "{refresh}", voyager.refresh, "{reset}", w.secret(),
			"{interest}", interest.ID.String(), "{conversation}", c.String(), "{message}", message.ID.String(),
			"{reservation}", reservation.ID.String(), "{report}", report.ID.String(), "{session}", session.ID.String(), "{sanction}", sanction.ID.String(),
			"{webhook}", webhook.ID.String(),
			"{name}", "mail", "{subscriber}", "mail", "{position}", strconv.FormatInt(position, 10),
		),
	}
}
