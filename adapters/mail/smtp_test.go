package mail_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/mail"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/users"
)

var (
	_ users.Mailer = (*mail.SMTP)(nil)
	_ users.Mailer = (*mail.Queue)(nil)
	_ users.Mailer = (*mail.Log)(nil)
)

var letter = users.Mail{
	To:      "ada@example.net",
	Subject: "Your new password – naïve?",
	Text:    "Hello Ada,\n\n.\n..two dots\nFrom here: https://example.org/reset?secret=abc=def\n" + strings.Repeat("long ", 300) + "\nПока",
}

func newSMTP(t *testing.T, c mail.Config) *mail.SMTP {
	t.Helper()
	m, err := mail.NewSMTP(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestNewSMTP(t *testing.T) {
	good := mail.Config{Host: "mail.example.org", From: "no-reply@example.org", Username: username, Password: password}
	for name, change := range map[string]func(*mail.Config){
		"defaults":                      func(*mail.Config) {},
		"implicit":                      func(c *mail.Config) { c.TLS = mail.ImplicitTLS },
		"anonymous without TLS":         func(c *mail.Config) { c.TLS, c.Username, c.Password = mail.NoTLS, "", "" },
		"password without TLS, ::1":     func(c *mail.Config) { c.TLS, c.Host = mail.NoTLS, "::1" },
		"password without TLS, by name": func(c *mail.Config) { c.TLS, c.Host = mail.NoTLS, "localhost" },
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			change(&c)
			if _, err := mail.NewSMTP(c); err != nil {
				t.Error(err)
			}
		})
	}
	for name, spoil := range map[string]func(*mail.Config){
		"no host":              func(c *mail.Config) { c.Host = "" },
		"host a path":          func(c *mail.Config) { c.Host = "unix:///run/mail" },
		"host two lines":       func(c *mail.Config) { c.Host = "mail\r\nMAIL" },
		"port too high":        func(c *mail.Config) { c.Port = 65536 },
		"port negative":        func(c *mail.Config) { c.Port = -1 },
		"TLS unknown":          func(c *mail.Config) { c.TLS = "opportunistic" },
		"timeout negative":     func(c *mail.Config) { c.Timeout = -1 },
		"no sender":            func(c *mail.Config) { c.From = "" },
		"sender no address":    func(c *mail.Config) { c.From = "no-reply" },
		"sender two lines":     func(c *mail.Config) { c.From = "a@example.org\r\nBcc: b@example.org" },
		"username alone":       func(c *mail.Config) { c.Password = "" },
		"password alone":       func(c *mail.Config) { c.Username = "" },
		"password without TLS": func(c *mail.Config) { c.TLS = mail.NoTLS },
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			spoil(&c)
			_, err := mail.NewSMTP(c)
			if err == nil {
				t.Fatal("NewSMTP returned no error")
			}
			if strings.Contains(err.Error(), password) {
				t.Errorf("the error contains the password: %v", err)
			}
		})
	}
}

func TestSMTPSend(t *testing.T) {
	for name, s := range map[string]*server{
		"starttls, plain": {tls: mail.StartTLS, auth: "LOGIN PLAIN"},
		"starttls, login": {tls: mail.StartTLS, auth: "CRAM-MD5 LOGIN"},
		"starttls":        {tls: mail.StartTLS},
		"implicit, plain": {tls: mail.ImplicitTLS, auth: "PLAIN"},
		"implicit":        {tls: mail.ImplicitTLS},
		"none, plain":     {tls: mail.NoTLS, auth: "PLAIN"},
		"none, login":     {tls: mail.NoTLS, auth: "LOGIN"},
		"none":            {tls: mail.NoTLS},
	} {
		t.Run(name, func(t *testing.T) {
			s.start(t)
			if err := newSMTP(t, s.client()).Send(t.Context(), letter); err != nil {
				t.Fatal(err)
			}
			taken := s.deliveries()
			if len(taken) != 1 {
				t.Fatalf("the server accepted %d messages; want 1", len(taken))
			}
			got := taken[0]
			if got.encrypted != (s.tls != mail.NoTLS) {
				t.Errorf("encrypted: %t", got.encrypted)
			}
			if (s.auth != "") != (got.user == username) {
				t.Errorf("signed in as %q", got.user)
			}
			if !strings.HasPrefix(got.from, "FROM:<no-reply@example.org>") || got.to != "TO:<ada@example.net>" {
				t.Errorf("envelope: %s, %s", got.from, got.to)
			}
			checkMessage(t, got.data)
		})
	}
}

// checkMessage parses a message as a mail program does, and compares it with letter.
func checkMessage(t *testing.T, data string) {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != letter.Subject {
		t.Errorf("subject: %q, %v", subject, err)
	}
	for header, want := range map[string]string{
		"From":                      `"Cicerone" <no-reply@example.org>`,
		"To":                        "<ada@example.net>",
		"Auto-Submitted":            "auto-generated",
		"Content-Type":              "text/plain; charset=UTF-8",
		"Content-Transfer-Encoding": "quoted-printable",
		"User-Agent":                "",
		"X-Mailer":                  "",
	} {
		if got := m.Header.Get(header); got != want {
			t.Errorf("%s: %q; want %q", header, got, want)
		}
	}
	if _, err := m.Header.Date(); err != nil {
		t.Errorf("date: %v", err)
	}
	if id := m.Header.Get("Message-ID"); !strings.HasSuffix(id, "@example.org>") {
		t.Errorf("message id %q does not have the sender's domain", id)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimRight(strings.ReplaceAll(string(body), "\r\n", "\n"), "\n"); got != letter.Text {
		t.Errorf("text: %q; want %q", got, letter.Text)
	}
}

func TestSMTPInvalidMessages(t *testing.T) {
	s := (&server{tls: mail.NoTLS}).start(t)
	m := newSMTP(t, s.client())
	for name, spoil := range map[string]func(*users.Mail){
		"no recipient":             func(m *users.Mail) { m.To = "" },
		"recipient no address":     func(m *users.Mail) { m.To = "ada" },
		"two recipients":           func(m *users.Mail) { m.To = "ada@example.net, bob@example.net" },
		"recipient with a name":    func(m *users.Mail) { m.To = "Ada <ada@example.net>" },
		"header in recipient":      func(m *users.Mail) { m.To = "ada@example.net\r\nBcc: bob@example.net" },
		"command in recipient":     func(m *users.Mail) { m.To = "ada@example.net>\r\nRCPT TO:<bob@example.net" },
		"parameter in recipient":   func(m *users.Mail) { m.To = `"ada> NOTIFY=NEVER"@example.net` },
		"quoted line in recipient": func(m *users.Mail) { m.To = "\"a\r\n b\"@example.net" },
		"no subject":               func(m *users.Mail) { m.Subject = "" },
		"CRLF in subject":          func(m *users.Mail) { m.Subject = "hello\r\nBcc: bob@example.net" },
		"LF in subject":            func(m *users.Mail) { m.Subject = "hello\nBcc: bob@example.net" },
		"CR in subject":            func(m *users.Mail) { m.Subject = "hello\rBcc: bob@example.net" },
		"NUL in subject":           func(m *users.Mail) { m.Subject = "hello\x00" },
		"long subject":             func(m *users.Mail) { m.Subject = strings.Repeat("a", 201) },
		"text not UTF-8":           func(m *users.Mail) { m.Text = "\xff" },
		"NUL in text":              func(m *users.Mail) { m.Text = "\x00" },
	} {
		t.Run(name, func(t *testing.T) {
			message := letter
			spoil(&message)
			if err := m.Send(t.Context(), message); !errors.Is(err, fault.Invalid) {
				t.Errorf("Send: %v; want fault.Invalid", err)
			}
		})
	}
	if n := len(s.deliveries()); n != 0 {
		t.Errorf("the server accepted %d messages; want 0", n)
	}
}

// TestTextWithCommands sends a text that contains SMTP commands.
func TestTextWithCommands(t *testing.T) {
	s := (&server{tls: mail.NoTLS}).start(t)
	m := newSMTP(t, s.client())
	message := letter
	message.Text = "hello\r\n.\r\nMAIL FROM:<x@example.net>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\nhello\r\n.\r\n"
	if err := m.Send(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	if taken := s.deliveries(); len(taken) != 1 || taken[0].to != "TO:<ada@example.net>" ||
		!strings.Contains(taken[0].data, "bob@example.net") {
		t.Errorf("the server accepted %+v; want one message to ada", taken)
	}
}

func TestSMTPFailures(t *testing.T) {
	for name, s := range map[string]*server{
		"no STARTTLS":        {tls: mail.StartTLS, auth: "PLAIN", noStartTLS: true},
		"STARTTLS refused":   {tls: mail.StartTLS, auth: "PLAIN", replies: map[string]string{"STARTTLS": "454 not now"}},
		"no mechanism":       {tls: mail.StartTLS, auth: "GSSAPI"},
		"sender refused":     {tls: mail.StartTLS, auth: "PLAIN", replies: map[string]string{"MAIL": "550 not you"}},
		"recipient unknown":  {tls: mail.StartTLS, auth: "PLAIN", replies: map[string]string{"RCPT": "550 no such user"}},
		"data refused":       {tls: mail.StartTLS, auth: "PLAIN", replies: map[string]string{"DATA": "451 later"}},
		"message refused":    {tls: mail.StartTLS, auth: "PLAIN", replies: map[string]string{".": "554 spam"}},
		"gibberish":          {tls: mail.StartTLS, auth: "PLAIN", replies: map[string]string{"EHLO": "hello?", "HELO": "hello?"}},
		"sign in, gibberish": {tls: mail.StartTLS, auth: "PLAIN", replies: map[string]string{"AUTH": "oh: " + password}},
		"sign in, challenge": {tls: mail.StartTLS, auth: "PLAIN", replies: map[string]string{"AUTH": "334 " + base64.StdEncoding.EncodeToString([]byte(password))}},
	} {
		t.Run(name, func(t *testing.T) {
			s.start(t)
			err := newSMTP(t, s.client()).Send(t.Context(), letter)
			if err == nil {
				t.Fatal("Send returned no error")
			}
			if strings.Contains(err.Error(), password) {
				t.Errorf("the error contains the password: %v", err)
			}
			if n := len(s.deliveries()); n != 0 {
				t.Errorf("the server accepted %d messages; want 0", n)
			}
		})
	}
}

// TestWrongPassword signs in with a wrong password. The response of the server contains it, and the
// correct one as well; the error must contain neither.
func TestWrongPassword(t *testing.T) {
	const wrong = "not-the-s3cret"
	for _, mechanism := range []string{"PLAIN", "LOGIN"} {
		t.Run(mechanism, func(t *testing.T) {
			s := (&server{tls: mail.StartTLS, auth: mechanism}).start(t)
			c := s.client()
			c.Password = wrong
			err := newSMTP(t, c).Send(t.Context(), letter)
			if err == nil || !strings.Contains(err.Error(), "535") {
				t.Fatalf("Send: %v; want the server's code", err)
			}
			echo := base64.StdEncoding.EncodeToString([]byte("\x00" + username + "\x00" + wrong))
			for _, secret := range []string{wrong, password, echo} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error contains a secret: %v", err)
				}
			}
		})
	}
}

// TestUnknownCertificate checks that a server with a certificate that RootCAs does not trust
// receives no message.
func TestUnknownCertificate(t *testing.T) {
	for _, mode := range []mail.TLS{mail.StartTLS, mail.ImplicitTLS} {
		t.Run(string(mode), func(t *testing.T) {
			s := (&server{tls: mode, auth: "PLAIN"}).start(t)
			c := s.client()
			_, c.RootCAs = certificate(t)
			if err := newSMTP(t, c).Send(t.Context(), letter); err == nil {
				t.Error("Send returned no error")
			}
			if n := len(s.deliveries()); n != 0 {
				t.Errorf("the server accepted %d messages; want 0", n)
			}
		})
	}
}

// TestErrorsAfterAcceptance checks that Send ignores errors of RSET and QUIT. The server has
// accepted the message by then, and after an error the queue would send it again.
func TestErrorsAfterAcceptance(t *testing.T) {
	s := (&server{tls: mail.NoTLS, replies: map[string]string{"RSET": "421 closing", "QUIT": "500 no"}}).start(t)
	if err := newSMTP(t, s.client()).Send(t.Context(), letter); err != nil {
		t.Error(err)
	}
	taken := s.deliveries()
	if len(taken) != 1 || !strings.Contains(taken[0].afterwards, "RSET ") {
		t.Errorf("the server accepted %+v; want one message, followed by RSET", taken)
	}
}

func TestConnectionRefused(t *testing.T) {
	c := (&server{tls: mail.NoTLS}).start(t).client()
	c.Port = 1 // no service uses this port
	if err := newSMTP(t, c).Send(t.Context(), letter); err == nil {
		t.Error("Send returned no error")
	}
}

func TestSMTPCancelled(t *testing.T) {
	for _, verb := range []string{"EHLO", "STARTTLS", "AUTH", "MAIL", "DATA", "QUIT"} {
		t.Run(verb, func(t *testing.T) {
			s := (&server{tls: mail.StartTLS, auth: "PLAIN", hangAt: verb}).start(t)
			c := s.client()
			c.Timeout = time.Hour // so that only ctx can end it
			m := newSMTP(t, c)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				<-s.hanging
				cancel()
			}()
			err := m.Send(ctx, letter)
			if verb == "QUIT" { // the server has accepted the message
				if err != nil {
					t.Errorf("Send: %v; want nil", err)
				}
				return
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Send: %v; want context.Canceled", err)
			}
		})
	}
	t.Run("before", func(t *testing.T) {
		s := (&server{tls: mail.NoTLS}).start(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := newSMTP(t, s.client()).Send(ctx, letter); !errors.Is(err, context.Canceled) {
			t.Errorf("Send: %v; want context.Canceled", err)
		}
	})
}

func TestSMTPTimeout(t *testing.T) {
	s := (&server{tls: mail.NoTLS, hangAt: "MAIL"}).start(t)
	c := s.client()
	c.Timeout = 50 * time.Millisecond
	if err := newSMTP(t, c).Send(t.Context(), letter); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Send: %v; want context.DeadlineExceeded", err)
	}
}
