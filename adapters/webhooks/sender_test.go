package webhooks_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/cicerone-go/cicerone/adapters/webhooks"
	"github.com/cicerone-go/cicerone/core/fault"
	core "github.com/cicerone-go/cicerone/core/webhooks"
)

var (
	loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	first    = bytes.Repeat([]byte{1}, 32)
	second   = bytes.Repeat([]byte{2}, 32)
)

func text(secret []byte) string { return "whsec_" + base64.StdEncoding.EncodeToString(secret) }

func sender(t *testing.T, c webhooks.Config) *webhooks.Sender {
	t.Helper()
	s, err := webhooks.NewSender(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func message(url string, secrets ...[]byte) core.Message {
	return core.Message{ID: "event-1", URL: url, At: time.Now(), Body: []byte(`{"type":"message.sent"}`), Secrets: secrets}
}

// serve starts a server, and counts its requests.
func serve(t *testing.T, handle http.HandlerFunc) (url string, requests *atomic.Int64) {
	t.Helper()
	requests = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		handle(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, requests
}

func TestMessageIsSigned(t *testing.T) {
	var header http.Header
	var body []byte
	url, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusNoContent)
	})
	if err := sender(t, webhooks.Config{Networks: loopback}).Send(t.Context(), message(url, first, second)); err != nil {
		t.Fatal(err)
	}
	if header.Get("webhook-id") != "event-1" || header.Get("Content-Type") != "application/json" {
		t.Errorf("the header is %v", header)
	}
	for _, secret := range [][]byte{first, second} {
		if err := webhooks.Verify(text(secret), header, body); err != nil {
			t.Error(err)
		}
	}
	late, without := header.Clone(), header.Clone()
	late.Set("webhook-timestamp", "1700000000")
	without.Del("webhook-signature")
	for name, err := range map[string]error{
		"another secret":      webhooks.Verify(text(bytes.Repeat([]byte{3}, 32)), header, body),
		"another body":        webhooks.Verify(text(first), header, append(body, ' ')),
		"another time":        webhooks.Verify(text(first), late, body),
		"no signature":        webhooks.Verify(text(first), without, body),
		"an empty secret":     webhooks.Verify("", header, body),
		"a malformed secret":  webhooks.Verify("whsec_"+strings.Repeat("!", 44), header, body),
		"a secret of 8 bytes": webhooks.Verify(text(first[:8]), header, body),
	} {
		if !errors.Is(err, webhooks.ErrNotVerified) || !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A message is verified for five minutes.
func TestToleranceOfTime(t *testing.T) {
	for age, want := range map[time.Duration]bool{
		4*time.Minute + 50*time.Second: true, -4*time.Minute - 50*time.Second: true,
		5*time.Minute + 10*time.Second: false, -5*time.Minute - 10*time.Second: false,
	} {
		var verified error
		url, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			verified = webhooks.Verify(text(first), r.Header, body)
		})
		m := message(url, first)
		m.At = time.Now().Add(-age)
		if err := sender(t, webhooks.Config{Networks: loopback}).Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if (verified == nil) != want {
			t.Errorf("%v ago: %v", age, verified)
		}
	}
}

func TestForbiddenAddresses(t *testing.T) {
	s := sender(t, webhooks.Config{Timeout: 2 * time.Second})
	for _, host := range []string{
		"127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200",
		"192.0.0.192", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16", "localhost",
		"[::1]", "[::]", "[fe80::1]", "[fd00:ec2::254]", "[ff02::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]",
		"[2002:7f00:1::1]", "[2001::1]", "[::7f00:1]",
		"2130706433", "0x7f000001", "127.1", // other ways to write 127.0.0.1, which some resolvers know
	} {
		err := s.Send(t.Context(), message("http://"+host+":9/", first))
		unknown := errors.Is(err, webhooks.ErrUnreachable) && strings.Contains(err.Error(), "lookup")
		if !errors.Is(err, webhooks.ErrForbidden) && !unknown {
			t.Errorf("%s: %v, want ErrForbidden", host, err)
		}
	}
	url, requests := serve(t, func(http.ResponseWriter, *http.Request) {})
	if err := s.Send(t.Context(), message(url, first)); !errors.Is(err, webhooks.ErrForbidden) || requests.Load() != 0 {
		t.Errorf("a server on %s: %v, %d requests", url, err, requests.Load())
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	inner, reached := serve(t, func(http.ResponseWriter, *http.Request) {})
	for _, status := range []int{301, 302, 303, 307, 308} {
		outer, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, inner, status) })
		if err := sender(t, webhooks.Config{Networks: loopback}).Send(t.Context(), message(outer, first)); !errors.Is(err, webhooks.ErrRefused) {
			t.Errorf("%d: %v, want ErrRefused", status, err)
		}
	}
	if reached.Load() != 0 {
		t.Errorf("the other server got %d requests", reached.Load())
	}
}

func TestProxyIsNotUsed(t *testing.T) {
	proxy, asked := serve(t, func(http.ResponseWriter, *http.Request) {})
	t.Setenv("HTTP_PROXY", proxy)
	t.Setenv("HTTPS_PROXY", proxy)
	err := sender(t, webhooks.Config{Networks: loopback, Timeout: time.Second}).Send(t.Context(), message("http://webhook.invalid/", first))
	if !errors.Is(err, webhooks.ErrUnreachable) || asked.Load() != 0 {
		t.Errorf("got %v, and the proxy %d requests", err, asked.Load())
	}
}

// resolver returns a resolver whose server gives the answers in turn, for every name.
func resolver(t *testing.T, answers ...[4]byte) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buffer[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Response = true
			m.Additionals = nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA && len(answers) > 0 {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET}, Body: &dnsmessage.AResource{A: answers[0]},
				}}
				if len(answers) > 1 {
					answers = answers[1:]
				}
			}
			if packed, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(packed, from) // a lost answer fails the test
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// A name has an address that may be reached, and later one that may not. Here 127.0.0.2 stands for a
// public address.
func TestNameIsBoundToAnotherAddress(t *testing.T) {
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	var requests atomic.Int64
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.Header().Set("Connection", "close") // so that the name is resolved again
	})}
	go server.Serve(l) //nolint:errcheck // it ends with the test
	t.Cleanup(func() { server.Close() })
	s := sender(t, webhooks.Config{
		Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")},
		Resolver: resolver(t, [4]byte{127, 0, 0, 2}, [4]byte{127, 0, 0, 1}), Timeout: 5 * time.Second,
	})
	_, port, _ := net.SplitHostPort(l.Addr().String())
	url := "http://rebound.example.net:" + port + "/"
	if err := s.Send(t.Context(), message(url, first)); err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), message(url, first)); !errors.Is(err, webhooks.ErrForbidden) {
		t.Errorf("got %v, want ErrForbidden", err)
	}
	if requests.Load() != 1 {
		t.Errorf("the server got %d requests", requests.Load())
	}
}

func TestSlowAndHugeAnswers(t *testing.T) {
	gone := make(chan struct{})
	defer close(gone)
	silent, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-gone:
		case <-r.Context().Done():
		}
	})
	dripping, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte("."))
			_ = http.NewResponseController(w).Flush()
			time.Sleep(10 * time.Millisecond)
		}
	})
	var written atomic.Int64
	huge, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for block := make([]byte, 64<<10); r.Context().Err() == nil; {
			n, err := w.Write(block)
			if written.Add(int64(n)); err != nil {
				return
			}
		}
	})
	manyHeaders, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Long", strings.Repeat("a", 1<<20))
	})
	s := sender(t, webhooks.Config{Networks: loopback, Timeout: 300 * time.Millisecond})
	for name, test := range map[string]struct {
		url  string
		want error
	}{
		"silent": {silent, webhooks.ErrUnreachable}, "dripping": {dripping, nil}, "huge": {huge, nil}, "headers": {manyHeaders, webhooks.ErrUnreachable},
	} {
		begun := time.Now()
		err := s.Send(t.Context(), message(test.url, first))
		if test.want == nil && err != nil || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%s: it took %v", name, took)
		}
	}
	if n := written.Load(); n > 32<<20 {
		t.Errorf("the server wrote %d bytes", n)
	}
}

func TestSendFails(t *testing.T) {
	for _, status := range []int{304, 400, 404, 410, 429, 500, 503} {
		url, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		err := sender(t, webhooks.Config{Networks: loopback}).Send(t.Context(), message(url+"/?token=abc", first))
		if !errors.Is(err, webhooks.ErrRefused) || !errors.Is(err, fault.Unavailable) || strings.Contains(err.Error(), "abc") {
			t.Errorf("%d: %v", status, err)
		}
	}
	s := sender(t, webhooks.Config{Networks: loopback})
	err := s.Send(t.Context(), message("http://127.0.0.1:1/?token=abc", first))
	if !errors.Is(err, webhooks.ErrUnreachable) || strings.Contains(err.Error(), "abc") {
		t.Errorf("without a server: %v", err)
	}
	url, requests := serve(t, func(http.ResponseWriter, *http.Request) {})
	m := message(url, first)
	m.Body = make([]byte, webhooks.MaxBody+1)
	if err := s.Send(t.Context(), m); !errors.Is(err, webhooks.ErrTooLarge) || requests.Load() != 0 {
		t.Errorf("a large body: %v, %d requests", err, requests.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Send(ctx, message(url, first)); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the context: %v", err)
	}
}

// The certificate of the server is checked.
func TestCertificateIsChecked(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = nil
	t.Cleanup(server.Close)
	if err := sender(t, webhooks.Config{Networks: loopback}).Send(t.Context(), message(server.URL, first)); !errors.Is(err, webhooks.ErrUnreachable) {
		t.Errorf("an unknown certificate: %v", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	s := sender(t, webhooks.Config{Networks: loopback, TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}})
	if err := s.Send(t.Context(), message(server.URL, first)); err != nil {
		t.Errorf("a known certificate: %v", err)
	}
}

func TestSendConcurrently(t *testing.T) {
	url, requests := serve(t, func(http.ResponseWriter, *http.Request) {})
	s := sender(t, webhooks.Config{Networks: loopback})
	var sending sync.WaitGroup
	for range 20 {
		sending.Go(func() {
			if err := s.Send(t.Context(), message(url, first)); err != nil {
				t.Error(err)
			}
		})
	}
	sending.Wait()
	if requests.Load() != 20 {
		t.Errorf("%d requests", requests.Load())
	}
}

func TestNewSenderChecks(t *testing.T) {
	_, err := webhooks.NewSender(webhooks.Config{Networks: []netip.Prefix{{}}, Timeout: -1})
	f, _ := errors.AsType[*fault.Error](err)
	if f == nil || f.Kind != fault.Invalid || len(f.Fields) != 2 {
		t.Errorf("got %v", err)
	}
}
