// Package smtptest tests that a server loses no mail, against a mail server in the test process. It
// stands apart so that importers of adapters/mail do not download that server.
package smtptest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	smtpmail "github.com/cicerone-go/cicerone/adapters/mail"
	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/wiring"
)

// timeout is how long the sender waits for the mail server, and stall is longer.
const (
	timeout = 300 * time.Millisecond
	stall   = time.Second
)

// postOffice is a mail server that fails: of the messages with a subject, it answers the first few with
// a temporary error, takes the next few without an answer in time, and takes all others.
type postOffice struct {
	mu      sync.Mutex
	got     map[string]int      // messages, by the subject
	taken   map[string][]string // recipients, and the reasons of warnings, by the subject, in the order of the messages
	headers []mail.Header
}

const refusing, stalling = 2, 4

func (o *postOffice) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{office: o}, nil }

// session is a connection.
type session struct {
	office *postOffice
	to     string
}

func (s *session) Reset()                               {}
func (s *session) Logout() error                        { return nil }
func (s *session) Mail(string, *smtp.MailOptions) error { return nil }
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return nil
}

func (s *session) Data(r io.Reader) error {
	m, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(m.Body)
	if err != nil {
		return err
	}
	subject := m.Header.Get("Subject")
	s.office.mu.Lock()
	n := s.office.got[subject]
	s.office.got[subject]++
	if n >= refusing {
		s.office.taken[subject] = append(s.office.taken[subject], s.to+reason.FindString(string(body)))
		s.office.headers = append(s.office.headers, m.Header)
	}
	s.office.mu.Unlock()
	switch {
	case n < refusing:
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "try again later"}
	case n < stalling:
		time.Sleep(stall)
	}
	return nil
}

// listen serves on an address until the function that it returns is called.
func (o *postOffice) listen(t *testing.T, address string) (stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := smtp.NewServer(o)
	s.Domain, s.ReadTimeout, s.WriteTimeout = "localhost", 5*time.Second, 5*time.Second
	s.ErrorLog = quiet{}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(listener) }()
	return func() {
		_ = s.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// reason is that of a warning.
var reason = regexp.MustCompile(" because [0-9]")

// The subjects are those of the mails that the test causes: by a request, and by a notification.
const (
	reset   = "Set a new password"
	warning = "A warning"
)

// TestMailServerFailsStallsAndComesBack checks that each mail arrives at least once while the mail server
// cannot be reached, fails, takes mail without an answer, goes away and comes back: those that were
// requested in the order in which they were, and those about what happened in the order in which it did,
// for each recipient.
func TestMailServerFailsStallsAndComesBack(t *testing.T) {
	unused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := unused.Addr().(*net.TCPAddr)
	if err := unused.Close(); err != nil {
		t.Fatal(err)
	}
	mailer, err := smtpmail.NewSMTP(smtpmail.Config{
		Host: "127.0.0.1", Port: address.Port, TLS: smtpmail.NoTLS, From: "no-reply@example.org", Timeout: timeout,
	})
	if err != nil {
		t.Fatal(err)
	}
	c := wiring.DefaultConfig()
	c.PasswordCost, c.Mailer, c.Log = 4, mailer, slog.New(slog.DiscardHandler)
	c.Events.MinPause, c.Events.MaxPause = 50*time.Millisecond, 500*time.Millisecond
	app, err := wiring.New(t.Context(), c, memory.New())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- app.Run(ctx) }()
	defer func() {
		stop()
		if err := errors.Join(<-ended, app.Close(context.Background())); err != nil {
			t.Error(err)
		}
	}()

	office := &postOffice{got: map[string]int{}, taken: map[string][]string{}}
	want := map[string][]string{}
	admin := register(t, app, "admin")
	if _, err := app.Moderation.MakeAdmin(t.Context(), "admin@example.org"); err != nil {
		t.Fatal(err)
	}
	cause := func(n int) {
		t.Helper()
		for range n {
			name := fmt.Sprintf("user%02d", len(want[reset]))
			user, email := register(t, app, name), name+"@example.org"
			want[reset] = append(want[reset], email)
			if err := app.Users.ForgotPassword(t.Context(), email, users.Device{}); err != nil {
				t.Fatal(err)
			}
			for i := range 2 {
				why := fmt.Sprintf("because %d", i)
				want[warning] = append(want[warning], email+" "+why)
				_, err := app.Moderation.Impose(t.Context(), admin, user, moderation.SanctionInput{Kind: moderation.Warning, Reason: why}, "")
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Millisecond) // so that no two are at the same time
			}
		}
	}
	arrived := func(within time.Duration) bool {
		for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if office.arrived(reset, want[reset]) && office.arrived(warning, want[warning]) {
				return true
			}
		}
		return false
	}
	cause(10)
	time.Sleep(2 * timeout) // nothing listens
	closes := office.listen(t, address.String())
	cause(10)
	if !arrived(time.Minute) {
		t.Fatalf("got %v, want %v", office.taken, want)
	}
	closes()
	cause(5)
	time.Sleep(2 * timeout)
	defer office.listen(t, address.String())()
	if !arrived(time.Minute) {
		t.Fatalf("after the server was away, got %v, want %v", office.taken, want)
	}
	for _, s := range app.Relay.Progress().Subscriptions {
		if s.SetAside != 0 || s.State != events.Active {
			t.Errorf("the subscription is %+v, want no event that is set aside", s)
		}
	}
	office.mu.Lock()
	defer office.mu.Unlock()
	t.Logf("%d messages arrived for %d mails", len(office.headers), len(want[reset])+len(want[warning]))
	if got, most := len(office.headers), len(want[reset])+len(want[warning])+2*(stalling-refusing); got > most {
		t.Errorf("%d messages arrived, want at most %d: twice only what had no answer", got, most)
	}
	if got := firsts(office.taken[reset]); !slices.Equal(got, want[reset]) {
		t.Errorf("resets arrived in the order %v, want %v", got, want[reset])
	}
	got := firsts(office.taken[warning])
	slices.SortStableFunc(got, func(a, b string) int { return strings.Compare(strings.Fields(a)[0], strings.Fields(b)[0]) })
	if !slices.Equal(got, want[warning]) {
		t.Errorf("warnings arrived in the order %v for each recipient, want %v", got, want[warning])
	}
	for _, h := range office.headers {
		if !strings.Contains(h.Get("From"), "no-reply@example.org") || h.Get("Message-Id") == "" {
			t.Errorf("got the header %v", h)
		}
	}
}

// arrived reports whether a mail with a subject arrived for each recipient.
func (o *postOffice) arrived(subject string, all []string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(firsts(o.taken[subject])) >= len(all)
}

// firsts returns the values without those that were there before.
func firsts(all []string) (once []string) {
	for _, v := range all {
		if !slices.Contains(once, v) {
			once = append(once, v)
		}
	}
	return once
}

func register(t *testing.T, app *wiring.App, name string) id.User {
	t.Helper()
	u, err := app.Users.Register(t.Context(), users.SignUp{Name: name, Email: name + "@example.org", Password: "long enough"})
	if err != nil {
		t.Fatal(err)
	}
	return u.ID
}
