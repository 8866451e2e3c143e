package wiring_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/wiring"
)

// inbox is a mailer that keeps all mail.
type inbox struct{ got chan users.Mail }

func (i inbox) Send(_ context.Context, m users.Mail) error {
	i.got <- m
	return nil
}

// TestNotifications checks that a server mails its users what happened, and that one click on the
// address in such a mail switches its kind off.
func TestNotifications(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mailer := inbox{make(chan users.Mail, 100)}
		c := wiring.DefaultConfig()
		c.PasswordCost, c.Mailer, c.Log = 4, mailer, slog.New(slog.DiscardHandler)
		c.PublicURL = "https://example.org/community/"
		app, err := wiring.New(t.Context(), c, memory.New())
		if err != nil {
			t.Fatal(err)
		}
		running, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- app.Run(running) }()
		var people []users.User
		for _, name := range []string{"ada", "ben"} {
			u, err := app.Users.Register(t.Context(), users.SignUp{Name: name, Email: name + "@example.org", Password: "long enough"})
			if err != nil {
				t.Fatal(err)
			}
			people = append(people, u)
		}
		ada, ben := people[0].ID, people[1].ID
		if _, err := app.Matching.SaveProfile(t.Context(), ben, matching.Profile{FirstName: "Ben", IsSearchable: true}, nil); err != nil {
			t.Fatal(err)
		}
		opened, err := app.Messaging.Open(t.Context(), ada, ben, "")
		if err != nil {
			t.Fatal(err)
		}
		writes := func() {
			t.Helper()
			talk := opened.Overview.Conversation.ID
			if _, err := app.Messaging.Send(t.Context(), ada, talk, messaging.Draft{Content: "Hello"}, ""); err != nil {
				t.Fatal(err)
			}
			time.Sleep(c.Notifications.MessageDelay + 10*time.Second)
		}
		writes()
		if len(mailer.got) != 1 {
			t.Fatalf("%d mails were sent, want 1", len(mailer.got))
		}
		m := <-mailer.got
		path, ok := strings.CutPrefix(m.Unsubscribe, "https://example.org/community/v1/")
		if m.To != "ben@example.org" || m.Kind != users.MailKind(notifications.NewMessage) || !ok {
			t.Fatalf("got %+v", m)
		}
		clicks := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/"+path, strings.NewReader("List-Unsubscribe=One-Click"))
		clicks.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer := httptest.NewRecorder()
		app.Handler.ServeHTTP(answer, clicks)
		if answer.Code != http.StatusOK && answer.Code != http.StatusNoContent {
			t.Errorf("the address answered %d: %s", answer.Code, answer.Body)
		}
		if err := app.Notifications.Seen(t.Context(), ben); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		writes()
		if len(mailer.got) != 0 {
			t.Errorf("after a click, got %+v", <-mailer.got)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := app.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
