package mail_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/mail"
)

const (
	username = "cicerone"
	password = "s3cret-of-the-relay"
)

// delivery is a message that the server accepted.
type delivery struct {
	encrypted  bool
	user       string // that signed in
	from, to   string // the parameters of MAIL FROM and RCPT TO
	data       string // with LF for CRLF, and without the doubled dots
	afterwards string // the verbs received after the message
}

// server is a minimal SMTP server on loopback.
type server struct {
	tls        mail.TLS
	auth       string            // the mechanisms that it offers
	replies    map[string]string // to a verb, instead of the default reply
	hangAt     string            // the verb to which it does not respond
	noStartTLS bool              // do not offer STARTTLS

	config *tls.Config
	roots  *x509.CertPool
	port   int

	hanging chan struct{} // receives a value when it does not respond
	mu      sync.Mutex
	taken   []delivery
}

// start makes the server listen until the test ends.
func (s *server) start(t *testing.T) *server {
	t.Helper()
	s.hanging = make(chan struct{}, 10)
	s.config, s.roots = certificate(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = listener.Addr().(*net.TCPAddr).Port
	if s.tls == mail.ImplicitTLS {
		listener = tls.NewListener(listener, s.config)
	}
	var sessions sync.WaitGroup
	sessions.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			sessions.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		sessions.Wait()
	})
	return s
}

// client returns the configuration of a client for the server.
func (s *server) client() mail.Config {
	c := mail.Config{
		Host: "127.0.0.1", Port: s.port, TLS: s.tls, RootCAs: s.roots,
		From: "Cicerone <no-reply@example.org>",
	}
	if s.auth != "" {
		c.Username, c.Password = username, password
	}
	return c
}

func (s *server) deliveries() []delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.taken)
}

// serve serves one connection until the client closes it.
func (s *server) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }() // conn is replaced after STARTTLS; the client may have closed it
	lines := bufio.NewReader(conn)
	say := func(line string) { _, _ = conn.Write([]byte(line + "\r\n")) } // the next read reports a closed connection
	current := delivery{encrypted: s.tls == mail.ImplicitTLS}

	say("220 relay.test ESMTP")
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb, argument, _ := strings.Cut(line, " ")
		verb = strings.ToUpper(verb)
		if n := len(s.deliveries()); n > 0 {
			s.mu.Lock()
			s.taken[n-1].afterwards += verb + " "
			s.mu.Unlock()
		}
		if verb == s.hangAt {
			s.hanging <- struct{}{}
			_, _ = lines.ReadString('\n') // returns when the client hangs up
			return
		}
		if reply, ok := s.replies[verb]; ok {
			say(reply)
			continue
		}
		switch verb {
		case "EHLO":
			s.greet(say, current.encrypted)
		case "STARTTLS":
			say("220 go ahead")
			conn = tls.Server(conn, s.config)
			lines = bufio.NewReader(conn)
			current.encrypted = true
		case "AUTH":
			if current.user = s.signIn(argument, lines, say); current.user == "" {
				say("535 5.7.8 wrong: you sent " + line + ", and the password was " + password)
			} else {
				say("235 welcome")
			}
		case "MAIL":
			current.from = argument
			say("250 ok")
		case "RCPT":
			current.to = argument
			say("250 ok")
		case "DATA":
			say("354 go on")
			current.data = readData(lines)
			if reply, ok := s.replies["."]; ok {
				say(reply)
				continue
			}
			s.mu.Lock()
			s.taken = append(s.taken, current)
			s.mu.Unlock()
			say("250 taken")
		case "RSET", "NOOP":
			say("250 ok")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("502 what?")
		}
	}
}

func (s *server) greet(say func(string), encrypted bool) {
	say("250-relay.test")
	if s.tls == mail.StartTLS && !s.noStartTLS && !encrypted {
		say("250-STARTTLS")
	}
	if s.auth != "" {
		say("250-AUTH " + s.auth)
	}
	say("250 8BITMIME")
}

// signIn returns the name of the user that signed in, or "".
func (s *server) signIn(argument string, lines *bufio.Reader, say func(string)) string {
	decode := func(line string) string {
		b, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(line)) // invalid base64 does not match
		return string(b)
	}
	ask := func(prompt string) string {
		say("334 " + base64.StdEncoding.EncodeToString([]byte(prompt)))
		line, _ := lines.ReadString('\n') // an incomplete line does not match
		return decode(line)
	}
	mechanism, initial, _ := strings.Cut(argument, " ")
	switch mechanism {
	case "PLAIN":
		if decode(initial) == "\x00"+username+"\x00"+password {
			return username
		}
	case "LOGIN":
		if ask("Username:") == username && ask("Password:") == password {
			return username
		}
	}
	return ""
}

func readData(lines *bufio.Reader) string {
	var b strings.Builder
	for {
		line, err := lines.ReadString('\n')
		if err != nil || line == ".\r\n" {
			return b.String()
		}
		line = strings.TrimSuffix(strings.TrimPrefix(line, "."), "\r\n")
		b.WriteString(line + "\n")
	}
}

// certificate returns a configuration with a new certificate for loopback, and a pool that trusts
// it.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		MinVersion:   tls.VersionTLS12,
	}, roots
}
