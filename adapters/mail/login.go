package mail

import (
	"errors"
	"fmt"
	"net/textproto"
	"slices"

	"github.com/wneessen/go-mail/smtp"
)

// login signs in with PLAIN or else LOGIN, if the server offers it. Its errors contain no text of
// the server, which may quote the password.
type login struct {
	username, password string
	unencrypted        bool // allow sending the password over an unencrypted connection

	mechanism       smtp.Auth
	begun, accepted bool
}

// Start implements smtp.Auth.
func (l *login) Start(server *smtp.ServerInfo) (string, []byte, error) {
	switch {
	case slices.Contains(server.Auth, "PLAIN"):
		l.mechanism = smtp.PlainAuth("", l.username, l.password, server.Name, l.unencrypted)
	case slices.Contains(server.Auth, "LOGIN"):
		l.mechanism = smtp.LoginAuth(l.username, l.password, server.Name, l.unencrypted)
	default:
		return "", nil, errors.New("sign in: the server offers neither PLAIN nor LOGIN")
	}
	name, initial, err := l.mechanism.Start(server)
	if err != nil {
		return "", nil, fmt.Errorf("sign in: %w", err)
	}
	l.begun = true
	return name, initial, nil
}

// Next implements smtp.Auth.
func (l *login) Next(fromServer []byte, more bool) ([]byte, error) {
	answer, err := l.mechanism.Next(fromServer, more)
	l.accepted = err == nil && !more
	return answer, err
}

// redact returns err. If err occurred while signing in, it returns an error without the server's
// text.
func (l *login) redact(err error) error {
	if err == nil || !l.begun || l.accepted {
		return err
	}
	if refusal, ok := errors.AsType[*textproto.Error](err); ok {
		return fmt.Errorf("sign in as %q: the server responded with code %d", l.username, refusal.Code)
	}
	return fmt.Errorf("sign in as %q: the exchange was interrupted", l.username)
}
