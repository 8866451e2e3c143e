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
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/users"
)

// TLS determines how the connection to the server is encrypted.
type TLS string

// The values of TLS. StartTLS and ImplicitTLS require a valid certificate for the host.
const (
	StartTLS    TLS = "starttls" // STARTTLS before anything is sent; an error if the server lacks it; the default
	ImplicitTLS TLS = "implicit" // encrypted from the first byte
	NoTLS       TLS = "none"     // unencrypted; a password is allowed only if the host is loopback
)

// DefaultTimeout is the default limit on the time to send one message.
const DefaultTimeout = 30 * time.Second

// Config is the configuration of an SMTP.
type Config struct {
	Host     string // a name or an address; required
	Port     int    // 0 means 587 for StartTLS, 465 for ImplicitTLS and 25 for NoTLS
	Username string // empty means not to sign in
	Password string // required if Username is set, otherwise empty
	From     string // the sender, like no-reply@example.org or Cicerone <no-reply@example.org>; required
	TLS      TLS    // empty means StartTLS

	Templates *Templates // of the texts; nil means those of this package

	Timeout time.Duration  // of one message; 0 means DefaultTimeout
	RootCAs *x509.CertPool // the trusted authorities; nil means those of the system
}

// SMTP sends messages to an SMTP server, each over its own connection. It is safe for concurrent
// use.
type SMTP struct {
	config Config
	from   *netmail.Address
}

// NewSMTP returns an SMTP. It does not connect. It returns an error that names the setting if one
// is missing, out of range or in conflict with another.
func NewSMTP(c Config) (*SMTP, error) {
	if c.TLS == "" {
		c.TLS = StartTLS
	}
	port, known := map[TLS]int{StartTLS: 587, ImplicitTLS: 465, NoTLS: 25}[c.TLS]
	if c.Port == 0 {
		c.Port = port
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
		return nil, errors.New("mail: username and password must be set together")
	case c.Password != "" && c.TLS == NoTLS && !isLoopback(c.Host):
		return nil, fmt.Errorf("mail: host %s: a password without TLS is allowed only for loopback", c.Host)
	}
	from, err := netmail.ParseAddress(c.From)
	if err != nil {
		return nil, fmt.Errorf("mail: sender %q: %w", c.From, err)
	}
	c.Templates = orDefaultTemplates(c.Templates)
	return &SMTP{config: c, from: from}, nil
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// Send sends the message to the server, as text and as HTML. It returns nil if the server accepted
// the message. Errors: users.ErrMailRefused if the recipient is not one bare address, or if the
// server refuses the recipient or the message with a permanent code (5xx); users.ErrNotMailed for
// every other failure of the connection or the server, also a refused password; fault.Invalid if
// Unsubscribe is not an https address; those of Templates.Render. If ctx ends, ctx.Err() is wrapped,
// too. No error contains the password, or an answer of the server, which may have the recipient.
func (s *SMTP) Send(ctx context.Context, m users.Mail) error {
	message, err := s.compose(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	if err := s.deliver(ctx, message); err != nil && !message.IsDelivered() { // errors after acceptance do not matter
		return fmt.Errorf("mail: send by %s: %w", s.config.Host, classify(ctx, err))
	}
	return nil
}

func (s *SMTP) compose(m users.Mail) (*mail.Msg, error) {
	var f fault.Fields
	to, err := netmail.ParseAddress(m.To)
	if err != nil || to.Name != "" || to.Address != m.To {
		return nil, users.ErrMailRefused.Wrap(errors.New("mail: the recipient is not one bare e-mail address"))
	}
	f.Check(m.Unsubscribe == "" || isUnsubscribe(m.Unsubscribe), "unsubscribe", "must be an https address")
	if err := f.Err(); err != nil {
		return nil, fmt.Errorf("mail: compose a message: %w", err)
	}
	r, err := s.config.Templates.Render(m)
	if err != nil {
		return nil, err
	}

	message := mail.NewMsg(mail.WithNoDefaultUserAgent())
	message.FromMailAddress(s.from)
	message.ToMailAddress(to)
	message.Subject(r.Subject)
	message.SetDate()
	_, domain, _ := strings.Cut(s.from.Address, "@")
	message.SetMessageIDWithValue(rand.Text() + "@" + domain)
	message.SetGenHeader("Auto-Submitted", "auto-generated") // suppresses automatic replies (RFC 3834)
	if m.Unsubscribe != "" {
		message.SetGenHeader(mail.HeaderListUnsubscribe, "<"+m.Unsubscribe+">")
		message.SetGenHeader(mail.HeaderListUnsubscribePost, "List-Unsubscribe=One-Click") // RFC 8058
	}
	message.SetBodyString(mail.TypeTextPlain, r.Text)
	message.AddAlternativeString(mail.TypeTextHTML, r.HTML)
	return message, nil
}

// maxUnsubscribe is the maximum length of an address in a header, so that its line is not too long.
const maxUnsubscribe = 900

func isUnsubscribe(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && u.Host != "" && len(address) <= maxUnsubscribe &&
		!strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("<>,", r) })
}

// deliver sends one message over a new connection. It dials itself, so that it can close the
// connection when ctx ends, and in every case when it returns.
func (s *SMTP) deliver(ctx context.Context, message *mail.Msg) error {
	conn, err := s.dial(ctx)
	if err != nil {
		return err
	}
	hangUp := func() { _ = conn.Close() } // an error that matters has been returned before
	defer hangUp()
	stop := context.AfterFunc(ctx, hangUp)
	defer stop()

	policy := mail.NoTLS
	if s.config.TLS == StartTLS {
		policy = mail.TLSMandatory
	}
	login := &login{username: s.config.Username, password: s.config.Password, unencrypted: s.config.TLS == NoTLS}
	options := []mail.Option{
		mail.WithTimeout(2 * s.config.Timeout), // longer than ctx, because the error of ctx states the reason
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
	return login.redact(client.DialAndSendWithContext(ctx, message))
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
