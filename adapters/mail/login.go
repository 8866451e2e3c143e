package mail

import (
	"errors"
	"fmt"
	"net/textproto"
	"slices"

	"github.com/wneessen/go-mail/smtp"
)

// login signs in by the first mechanism of ours that the server offers. Whatever the server says
// meanwhile is kept out of errors: it may quote the password.
type login struct {
	username, password string
	inTheClear         bool

	mechanism       smtp.Auth
	begun, accepted bool
}

// Start implements smtp.Auth.
func (l *login) Start(server *smtp.ServerInfo) (string, []byte, error) {
	switch {
	case slices.Contains(server.Auth, "PLAIN"):
		l.mechanism = smtp.PlainAuth("", l.username, l.password, server.Name, l.inTheClear)
	case slices.Contains(server.Auth, "LOGIN"):
		l.mechanism = smtp.LoginAuth(l.username, l.password, server.Name, l.inTheClear)
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

// discreet returns err, but for one that arose while signing in only what betrays nothing.
func (l *login) discreet(err error) error {
	if err == nil || !l.begun || l.accepted {
		return err
	}
	if refusal, ok := errors.AsType[*textproto.Error](err); ok {
		return fmt.Errorf("sign in as %q: the server refused with code %d", l.username, refusal.Code)
	}
	return fmt.Errorf("sign in as %q: the exchange broke off", l.username)
}
