package mail_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	netmail "net/mail"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cicerone-go/cicerone/adapters/mail"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/users"
)

var (
	_ users.Mailer = (*mail.SMTP)(nil)
	_ users.Mailer = (*mail.Log)(nil)
)

// letterMail is the data of the kind "letter", whose template is in letters.
type letterMail struct{ Subject, Text string }

var letterData = letterMail{
	Subject: "Your new password – naïve?",
	Text:    "Hello Ada,\n\n.\n..two dots\nFrom here: https://example.org/reset?secret=abc=def\n" + strings.Repeat("long ", 300) + "\nПока",
}

var letter = users.Mail{To: "ada@example.net", Kind: "letter", Data: letterData}

// letters returns templates with one of the kind "letter".
func letters(t *testing.T) *mail.Templates {
	t.Helper()
	templates, err := mail.NewTemplates(mail.TemplatesConfig{Overrides: fstest.MapFS{"letter.en.tmpl": {Data: []byte(
		`{{define "subject"}}{{.Data.Subject}}{{end}}{{define "text"}}{{.Data.Text}}{{end}}{{define "html"}}<pre>{{.Data.Text}}</pre>{{end}}`)}}})
	if err != nil {
		t.Fatal(err)
	}
	return templates
}

func newSMTP(t *testing.T, c mail.Config) *mail.SMTP {
	t.Helper()
	c.Templates = letters(t)
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
	if err != nil || subject != letterData.Subject {
		t.Errorf("subject: %q, %v", subject, err)
	}
	for header, want := range map[string]string{
		"From":                  `"Cicerone" <no-reply@example.org>`,
		"To":                    "<ada@example.net>",
		"Auto-Submitted":        "auto-generated",
		"List-Unsubscribe":      "",
		"List-Unsubscribe-Post": "",
		"User-Agent":            "",
		"X-Mailer":              "",
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
	plain, html := bodies(t, m)
	if plain != letterData.Text {
		t.Errorf("text: %q; want %q", plain, letterData.Text)
	}
	if want := "<pre>" + letterData.Text + "</pre>"; !strings.Contains(html, want) || !strings.HasPrefix(html, "<!DOCTYPE html>") {
		t.Errorf("HTML: %q; want a page with %q", html, want)
	}
}

// bodies returns the text and the HTML of a message that has both, in this order.
func bodies(t *testing.T, m *netmail.Message) (plain, html string) {
	t.Helper()
	kind, parameters, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("the content is %s, %v", m.Header.Get("Content-Type"), err)
	}
	parts := multipart.NewReader(m.Body, parameters["boundary"])
	for _, one := range []struct {
		kind string
		to   *string
	}{{"text/plain; charset=UTF-8", &plain}, {"text/html; charset=UTF-8", &html}} {
		part, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(part) // decodes quoted-printable
		if err != nil || part.Header.Get("Content-Type") != one.kind {
			t.Fatalf("a part is %s, %v; want %s", part.Header.Get("Content-Type"), err, one.kind)
		}
		*one.to = strings.TrimRight(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n")
	}
	if _, err := parts.NextPart(); err != io.EOF {
		t.Errorf("after the text and the HTML: %v; want nothing", err)
	}
	return plain, html
}

// TestUnsubscribe checks the headers of RFC 8058.
func TestUnsubscribe(t *testing.T) {
	s := (&server{tls: mail.NoTLS}).start(t)
	message := letter
	message.Unsubscribe = "https://example.org/v1/unsubscribe?token=" + strings.Repeat("Az09-_.", 60)
	if err := newSMTP(t, s.client()).Send(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	m, err := netmail.ReadMessage(strings.NewReader(s.deliveries()[0].data))
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]string{
		"List-Unsubscribe": "<" + message.Unsubscribe + ">", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
	} {
		if got := m.Header.Get(header); got != want {
			t.Errorf("%s: %q; want %q", header, got, want)
		}
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
		"no subject":               func(m *users.Mail) { m.Data = letterMail{Text: "hello"} },
		"NUL in subject":           func(m *users.Mail) { m.Data = letterMail{"hello\x00", "hello"} },
		"long subject":             func(m *users.Mail) { m.Data = letterMail{strings.Repeat("a", 201), "hello"} },
		"text not UTF-8":           func(m *users.Mail) { m.Data = letterMail{"hello", "\xff"} },
		"NUL in text":              func(m *users.Mail) { m.Data = letterMail{"hello", "\x00"} },
		"unsubscribe by http":      func(m *users.Mail) { m.Unsubscribe = "http://example.org/u" },
		"unsubscribe by mail":      func(m *users.Mail) { m.Unsubscribe = "mailto:no@example.org" },
		"header in unsubscribe":    func(m *users.Mail) { m.Unsubscribe = "https://example.org/\r\nBcc: bob@example.net" },
		"two unsubscribes":         func(m *users.Mail) { m.Unsubscribe = "https://example.org/>,<https://example.net/" },
		"long unsubscribe":         func(m *users.Mail) { m.Unsubscribe = "https://example.org/" + strings.Repeat("a", 900) },
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

// TestTextWithCommands sends a text that contains SMTP commands, and a subject with another header.
func TestTextWithCommands(t *testing.T) {
	s := (&server{tls: mail.NoTLS}).start(t)
	m := newSMTP(t, s.client())
	message := letter
	const text = "hello\r\n.\r\nMAIL FROM:<x@example.net>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\nhello\r\n.\r\n"
	message.Data = letterMail{"hello\r\nBcc: bob@example.net\n\nhello", text}
	if err := m.Send(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	if taken := s.deliveries(); len(taken) != 1 || taken[0].to != "TO:<ada@example.net>" ||
		!strings.Contains(taken[0].data, "\nSubject: hello Bcc: bob@example.net hello\n") || !strings.Contains(taken[0].data, "RCPT TO:<bob") {
		t.Errorf("the server accepted %+v; want one message to ada", taken)
	}
}

func TestSMTPFailures(t *testing.T) {
	refused := map[string]bool{"recipient unknown": true, "message refused": true}
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
			want := users.ErrNotMailed
			if refused[name] {
				want = users.ErrMailRefused
			}
			if !errors.Is(err, want) {
				t.Fatalf("Send: %v; want %v", err, want)
			}
			for _, secret := range []string{password, letter.To, "no such user"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error contains %s: %v", secret, err)
				}
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
// accepted the message by then, and after an error it would be sent again.
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
	if err := newSMTP(t, c).Send(t.Context(), letter); !errors.Is(err, users.ErrNotMailed) {
		t.Errorf("Send: %v; want ErrNotMailed", err)
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
