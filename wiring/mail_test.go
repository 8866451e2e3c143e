package wiring_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/core/webhooks"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
)

// post is a mailer that records the recipients, and fails as fail says.
type post struct {
	mu    sync.Mutex
	fail  func(to string) error
	tries int
	sent  []string
}

func (p *post) Send(_ context.Context, m users.Mail) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tries++
	if err := p.fail(m.To); err != nil {
		return err
	}
	p.sent = append(p.sent, m.To)
	return nil
}

func (p *post) will(fail func(to string) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = fail
}

// TestMailOutlivesFailures checks that mail is sent in order after the mail server could not be
// reached for hours, including mail requested before Run, and that a recipient who is refused is
// logged once and holds up no other.
func TestMailOutlivesFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		mailer := &post{}
		mailer.will(func(string) error { return users.ErrNotMailed.Wrap(errors.New("no route")) })
		c := wiring.DefaultConfig()
		c.PasswordCost, c.Mailer, c.Log = 4, mailer, slog.New(slog.NewTextHandler(&log, nil))
		c.Events.LookEvery = time.Second
		app, err := wiring.New(t.Context(), c, memory.New())
		if err != nil {
			t.Fatal(err)
		}
		forget := func(name string) {
			t.Helper()
			email := name + "@example.org"
			_, err := app.Users.Register(t.Context(), users.SignUp{Name: name, Email: email, Password: "long enough"})
			if err == nil {
				err = app.Users.ForgotPassword(t.Context(), email, users.Device{})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		forget("before")
		running, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- app.Run(running) }()
		forget("refused")
		forget("after")
		time.Sleep(4 * time.Hour)
		synctest.Wait()
		if tries := mailer.tries; tries < 4*60/5 || tries > 400 || len(mailer.sent) != 0 {
			t.Errorf("in 4 hours, there were %d tries and the mails %v", tries, mailer.sent)
		}
		mailer.will(func(to string) error {
			if strings.HasPrefix(to, "refused") {
				return users.ErrMailRefused.Wrap(errors.New("code 550"))
			}
			return nil
		})
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if want := []string{"before@example.org", "after@example.org"}; !slices.Equal(mailer.sent, want) {
			t.Errorf("sent to %v, want %v", mailer.sent, want)
		}
		for _, s := range app.Relay.Progress().Subscriptions {
			if s.SetAside != 0 || s.Waiting != 0 || s.State != events.Active {
				t.Errorf("the subscription is %+v, want no event that is set aside or waits", s)
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if n := strings.Count(log.String(), "mail was refused"); n != 1 {
			t.Errorf("%d refusals were logged, want 1", n)
		}
		if strings.Contains(log.String(), "@example.org") {
			t.Errorf("the log has an address:\n%s", log.String())
		}
		if err := app.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// TestReservedNames checks that no subscriber of a host has the name of one of the server itself.
func TestReservedNames(t *testing.T) {
	for _, name := range []string{users.MailSubscriber, notifications.SubscriberName, webhooks.Subscription(id.Webhook{})} {
		c, joined := wiring.DefaultConfig(), wiring.DefaultConfig()
		c.Subscribers = []events.Subscriber{{Name: name, Handle: ignore}}
		joined.JoinedSubscribers = []ports.JoinedSubscriber{{
			Name: name, Handle: func(context.Context, ports.Tx, events.Event) error { return nil },
		}}
		for _, c := range []wiring.Config{c, joined} {
			if err := c.Validate(); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("not have the name %s", name)) {
				t.Errorf("%s: got %v", name, err)
			}
		}
	}
}
