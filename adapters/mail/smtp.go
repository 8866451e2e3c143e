package mail

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/users"
)

// TLS says how the connection to the server is secured.
type TLS string

// The ways. The first two refuse a certificate that is not good for the host.
const (
	StartTLS    TLS = "starttls" // begins in the clear, and goes on only when encrypted; the default
	ImplicitTLS TLS = "implicit" // encrypted from the first byte
	NoTLS       TLS = "none"     // in the clear; to hosts other than loopback without a password only
)

// DefaultTimeout is how long one message may take.
const DefaultTimeout = 30 * time.Second

const maxSubject = 200 // characters

// Config says where mail is handed in.
type Config struct {
	Host     string // a name or an address; required
	Port     int    // 0 means the usual one: 587 for StartTLS, 465 for ImplicitTLS, 25 for NoTLS
	Username string // empty means without signing in
	Password string // given where Username is
	From     string // the sender, like no-reply@example.org or Cicerone <no-reply@example.org>; required
	TLS      TLS    // empty means StartTLS

	Timeout time.Duration  // 0 means DefaultTimeout
	RootCAs *x509.CertPool // who may vouch for the host; nil means whom the system trusts
}

// SMTP hands messages to an SMTP server, each over a connection of its own. It is safe for concurrent use.
type SMTP struct {
	config Config
	from   *netmail.Address
}

// NewSMTP makes an SMTP; it does not connect. Settings that are missing, out of range or contradict
// one another are an error that names them.
func NewSMTP(c Config) (*SMTP, error) {
	if c.TLS == "" {
		c.TLS = StartTLS
	}
	usual, known := map[TLS]int{StartTLS: 587, ImplicitTLS: 465, NoTLS: 25}[c.TLS]
	if c.Port == 0 {
		c.Port = usual
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	switch {
	case c.Host == "" || strings.ContainsAny(c.Host, "/ \r\n"):
		return nil, fmt.Errorf("mail: host %q: must be a name or an address", c.Host)
	case !known:
		return nil, fmt.Errorf("mail: TLS %q: must be %s, %s or %s", c.TLS, StartTLS, ImplicitTLS, NoTLS)
	case c.Port < 1 || c.Port > 65535:
		return nil, fmt.Errorf("mail: port %d: must be 1 to 65535", c.Port)
	case c.Timeout < 0:
		return nil, fmt.Errorf("mail: timeout %v: must be 0 or more", c.Timeout)
	case (c.Username == "") != (c.Password == ""):
		return nil, errors.New("mail: a username needs a password, and a password a username")
	case c.Password != "" && c.TLS == NoTLS && !isLoopback(c.Host):
		return nil, fmt.Errorf("mail: host %s: no password is sent in the clear but to loopback", c.Host)
	}
	from, err := netmail.ParseAddress(c.From)
	if err != nil {
		return nil, fmt.Errorf("mail: sender %q: %w", c.From, err)
	}
	return &SMTP{config: c, from: from}, nil
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// Send hands the message to the server; nil means that the server has taken it. A recipient that is
// not one bare address, and a subject that is not one line of 1 to 200 characters, are
// fault.Invalid, and nothing is sent. ctx is honoured throughout. No error repeats the password.
func (s *SMTP) Send(ctx context.Context, m users.Mail) error {
	message, err := s.compose(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	if err := s.deliver(ctx, message); err != nil && !message.IsDelivered() { // taken is taken, however they part
		if ctx.Err() != nil {
			err = fmt.Errorf("%w (%w)", ctx.Err(), err)
		}
		return fmt.Errorf("mail: send by %s: %w", s.config.Host, err)
	}
	return nil
}

func (s *SMTP) compose(m users.Mail) (*mail.Msg, error) {
	var f fault.Fields
	to, err := netmail.ParseAddress(m.To)
	f.Check(err == nil && to.Name == "" && to.Address == m.To, "to", "must be one bare e-mail address")
	text.CheckLine(&f, "subject", m.Subject, 1, maxSubject)
	f.Check(text.Valid(m.Text), "text", "must be valid UTF-8 without NUL")
	if err := f.Err(); err != nil {
		return nil, fmt.Errorf("mail: compose a message: %w", err)
	}

	message := mail.NewMsg(mail.WithNoDefaultUserAgent())
	message.FromMailAddress(s.from)
	message.ToMailAddress(to)
	message.Subject(m.Subject)
	message.SetDate()
	_, domain, _ := strings.Cut(s.from.Address, "@")
	message.SetMessageIDWithValue(rand.Text() + "@" + domain)
	message.SetGenHeader("Auto-Submitted", "auto-generated") // asks for no "I am on holiday" (RFC 3834)
	message.SetBodyString(mail.TypeTextPlain, m.Text)
	return message, nil
}

// deliver holds one conversation with the server. It dials by itself, so that the connection can be
// cut when ctx ends, and is closed however the conversation ends.
func (s *SMTP) deliver(ctx context.Context, message *mail.Msg) error {
	conn, err := s.dial(ctx)
	if err != nil {
		return err
	}
	hangUp := func() { _ = conn.Close() } // what went wrong, and whether it matters, was seen before
	defer hangUp()
	stop := context.AfterFunc(ctx, hangUp)
	defer stop()

	policy := mail.NoTLS
	if s.config.TLS == StartTLS {
		policy = mail.TLSMandatory
	}
	login := &login{username: s.config.Username, password: s.config.Password, inTheClear: s.config.TLS == NoTLS}
	options := []mail.Option{
		mail.WithTimeout(2 * s.config.Timeout), // never first: ctx ends before, and says why
		mail.WithTLSPolicy(policy),
		mail.WithTLSConfig(s.tlsConfig()),
		mail.WithDialContextFunc(func(context.Context, string, string) (net.Conn, error) { return conn, nil }),
	}
	if s.config.Username != "" {
		options = append(options, mail.WithSMTPAuthCustom(login))
	}
	client, err := mail.NewClient(s.config.Host, options...)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	return login.discreet(client.DialAndSendWithContext(ctx, message))
}

func (s *SMTP) dial(ctx context.Context) (net.Conn, error) {
	address := net.JoinHostPort(s.config.Host, strconv.Itoa(s.config.Port))
	if s.config.TLS == ImplicitTLS {
		return (&tls.Dialer{Config: s.tlsConfig()}).DialContext(ctx, "tcp", address)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", address)
}

func (s *SMTP) tlsConfig() *tls.Config {
	return &tls.Config{ServerName: s.config.Host, RootCAs: s.config.RootCAs, MinVersion: tls.VersionTLS12}
}
