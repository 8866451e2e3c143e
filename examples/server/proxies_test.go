package main_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
)

// logIn is the request of a demo voyager on a connection, which is closed afterwards.
func logIn(headers string) string {
	body := `{"email":"voyager@example.org","password":"cicerone-demo"}`
	return "POST /v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n" + headers +
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
}

// say opens a connection to a server, writes some text, and returns what the server answers until
// it closes the connection.
func say(t *testing.T, p *process, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", p.address(t))
	must(t, err)
	defer func() { _ = conn.Close() }()
	must(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, text)
	must(t, err)
	answer, _ := io.ReadAll(conn) // a connection may be reset
	return string(answer)
}

// networkOf returns the network of the session that an answer to logIn has started. lead is
// written in front of the request for it.
func networkOf(t *testing.T, p *process, lead, answer string) string {
	t.Helper()
	r, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), nil)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("log in: %v\n%s", err, answer)
	}
	var in struct {
		Token string `json:"access_token"`
	}
	must(t, json.NewDecoder(r.Body).Decode(&in))
	answer = say(t, p, lead+"GET /v1/me/sessions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer "+in.Token+"\r\n\r\n")
	if r, err = http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), nil); err != nil {
		t.Fatalf("list sessions: %v\n%s", err, answer)
	}
	var list struct {
		Items []struct {
			Address string
			Current bool
		}
	}
	must(t, json.NewDecoder(r.Body).Decode(&list))
	for _, s := range list.Items {
		if s.Current {
			return s.Address
		}
	}
	t.Fatalf("no current session: %s", answer)
	return ""
}

func proxyHeader(t *testing.T, version byte, client string) string {
	t.Helper()
	from, err := net.ResolveTCPAddr("tcp", client)
	must(t, err)
	to, err := net.ResolveTCPAddr("tcp", client)
	must(t, err)
	text, err := proxyproto.HeaderProxyFromAddrs(version, from, to).Format()
	must(t, err)
	return string(text)
}

func TestProxyProtocol(t *testing.T) {
	t.Parallel()
	p := start(t, "--proxy-protocol", "--trusted-proxies", "127.0.0.1,::1,10.0.0.0/8", "--store", "memory", "--mail", "log")
	const made = "X-Forwarded-For: 192.0.2.1\r\n"
	for _, c := range []struct {
		version         byte
		client, network string
	}{
		{1, "203.0.113.9:80", "203.0.113.0/24"},
		{2, "203.0.113.9:80", "203.0.113.0/24"},
		{1, "[2001:db8:1:2::3]:80", "2001:db8:1::/48"},
		{2, "[2001:db8:1:2::3]:80", "2001:db8:1::/48"},
		{2, "10.0.0.7:80", "192.0.2.0/24"}, // a proxy behind the proxy, which is trusted, too
	} {
		lead := proxyHeader(t, c.version, c.client)
		if got := networkOf(t, p, lead, say(t, p, lead+logIn(made))); got != c.network {
			t.Errorf("version %d, %s: got the network %s, want %s", c.version, c.client, got, c.network)
		}
	}
	for name, lead := range map[string]string{
		"no header": "", "no address": "PROXY TCP4 nonsense\r\n", "another version": "PROXY2 TCP4\r\n",
		"an address too long": "PROXY TCP4 " + strings.Repeat("2", 200),
	} {
		if got := say(t, p, lead+logIn("")); got != "" {
			t.Errorf("%s: got %q, want no answer", name, got)
		}
	}
	t.Run("a slow header", func(t *testing.T) {
		t.Parallel()
		begun, got := time.Now(), say(t, p, "P")
		// The library alone would wait for 10 s, and net/http for as long.
		if after := time.Since(begun); got != "" || after < 4*time.Second || after >= 10*time.Second {
			t.Errorf("got %q after %v, want no answer after 5 s", got, after)
		}
	})
}

func TestProxyProtocolOfOthers(t *testing.T) {
	t.Parallel()
	p := start(t, "--proxy-protocol", "--trusted-proxies", "192.0.2.0/24", "--store", "memory", "--mail", "log")
	lead := proxyHeader(t, 1, "203.0.113.9:80")
	if got := say(t, p, lead+logIn("")); !strings.HasPrefix(got, "HTTP/1.1 400 ") {
		t.Errorf("with a header: got %q, want 400", got)
	}
	network := networkOf(t, p, "", say(t, p, logIn("X-Forwarded-For: 203.0.113.9\r\n")))
	if network != "127.0.0.0/24" && network != "::/48" {
		t.Errorf("without a header: got the network %s, want that of the peer", network)
	}
}

func TestForwardedHeader(t *testing.T) {
	t.Parallel()
	p := start(t, "--trusted-proxies", "127.0.0.1", "--trusted-proxies", "::1", "--forwarded-header", "forwarded", "--store", "memory", "--mail", "log")
	headers := "X-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.1, for=203.0.113.9\r\n"
	if got := networkOf(t, p, "", say(t, p, logIn(headers))); got != "203.0.113.0/24" {
		t.Errorf("got the network %s", got)
	}
}

func readme(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../README.md")
	must(t, err)
	return string(b)
}

var (
	serverWithProxies = regexp.MustCompile(`(?m)^\$ go run \./examples/server (--trusted-proxies .*)$`)
	codeBlock         = regexp.MustCompile("(?s)```(nginx|caddy)\n(.*?)```")
	nginxHeader       = regexp.MustCompile(`proxy_set_header (\S+) (\S+);`)
)

// TestProxiesOfReadme runs the server with the flags of README.md, and sends what the lines for
// nginx and Caddy there make these proxies send for a client that writes headers of its own. The
// proxies themselves do not run.
func TestProxiesOfReadme(t *testing.T) {
	t.Parallel()
	flags := serverWithProxies.FindStringSubmatch(readme(t))
	if flags == nil {
		t.Fatal("README.md does not start a server with --trusted-proxies")
	}
	p := start(t, append(strings.Fields(flags[1]), "--store", "memory")...)
	blocks := map[string]string{}
	for _, block := range codeBlock.FindAllStringSubmatch(readme(t), -1) {
		blocks[block[1]] = block[2]
	}
	const client, made = "203.0.113.9", "192.0.2.1"
	passed := "Forwarded: for=" + made + "\r\nX-Real-IP: " + made + "\r\n" // neither proxy changes them by itself
	variables := map[string]string{"$host": "localhost", "$proxy_add_x_forwarded_for": made + ", " + client}

	nginx := passed
	for _, line := range nginxHeader.FindAllStringSubmatch(blocks["nginx"], -1) {
		value, known := variables[line[2]]
		if !known {
			t.Fatalf("the lines for nginx use %s, which this test does not know", line[2])
		}
		if line[1] != "Host" { // logIn has it
			nginx += line[1] + ": " + value + "\r\n"
		}
	}
	if !strings.Contains(blocks["nginx"], "client_max_body_size 8m;") || !strings.Contains(blocks["caddy"], "reverse_proxy localhost:8080\n") {
		t.Errorf("the lines are %q", blocks)
	}
	caddy := passed + "X-Forwarded-For: " + client + "\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: example.org\r\n" // its default
	for name, headers := range map[string]string{"nginx": nginx, "caddy": caddy} {
		if got := networkOf(t, p, "", say(t, p, logIn(headers))); got != "203.0.113.0/24" {
			t.Errorf("%s: got the network %s, want the client's", name, got)
		}
	}
}
