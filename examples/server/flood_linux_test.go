package main_test

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// flood is a number of connections that cost the server something and give it nothing.
type flood struct {
	name        string
	usual, full int    // connections, without and with CICERONE_SOAK=1
	sent        string // on each connection, which then waits; {token} is the access token of a user
	share       string // the flag --body-share; none if it is empty
	unread      bool   // the connections do not read, and their ends are not waited for

	megabytes map[bool]int  // the greatest peak of memory of the server, of the usual and of the full size
	least     map[int]int   // of each status, how many connections are answered with it; all others must be rest
	rest      int           // 0 is the end of the connection without an answer
	within    time.Duration // until all connections have ended
}

func floods() []flood {
	const mebibyte = 1 << 20
	head := func(method, path, headers string) string {
		return method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + headers + "\r\n"
	}
	part := strings.Repeat(" ", 60<<10)
	small := map[bool]int{false: 100, true: 300}
	return []flood{
		{
			name: "bodies where none is listed", usual: 400, full: 10_000, megabytes: small, rest: 413, within: 10 * time.Second,
			sent: head("GET", "/healthz", fmt.Sprintf("Content-Length: %d\r\n", 8*mebibyte)) + part,
		},
		{
			name: "chunks where no body is listed", usual: 400, full: 10_000, megabytes: small, rest: 413, within: 10 * time.Second,
			sent: head("GET", "/healthz", "Transfer-Encoding: chunked\r\n") + fmt.Sprintf("%x\r\n", 8*mebibyte) + part,
		},
		{
			name: "bodies of callers who are not signed in", usual: 400, full: 10_000, megabytes: small, rest: 401, within: 10 * time.Second,
			sent: head("PUT", "/v1/me/profile", "Content-Length: 65000\r\n") + part,
		},
		{ // those that have room wait for the rest of their bodies
			name: "bodies of one address", usual: 400, share: "16", full: 10_000, megabytes: small, rest: 503, least: map[int]int{400: 30}, within: 15 * time.Second,
			sent: head("POST", "/v1/auth/login", "Content-Length: 65000\r\n") + part,
		},
		{ // at most four of them have room
			name: "uploads", usual: 40, full: 400, megabytes: map[bool]int{false: 300, true: 300}, rest: 503, least: map[int]int{400: 0}, within: 15 * time.Second,
			sent: head("POST", "/v1/conversations/none/messages", fmt.Sprintf("Authorization: Bearer {token}\r\nContent-Length: %d\r\n", 7*mebibyte)) +
				strings.Repeat(" ", 7*mebibyte-1),
		},
		{
			name: "half-open connections", usual: 400, full: 4_000, megabytes: small, rest: 0, within: 15 * time.Second,
			sent: "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: " + part[:15<<10],
		},
		{
			name: "slow writers", usual: 400, full: 4_000, megabytes: small, rest: 400, within: 15 * time.Second,
			sent: head("POST", "/v1/auth/login", "Content-Length: 100\r\n") + "{",
		},
		{
			name: "slow readers", usual: 400, full: 4_000, megabytes: small, unread: true,
			sent: strings.Repeat(head("GET", "/openapi.json", ""), 20),
		},
	}
}

// TestFloods checks that connections that cost something and give nothing hold little memory, end
// in time, and do not stop other clients.
func TestFloods(t *testing.T) {
	soak := os.Getenv("CICERONE_SOAK") == "1"
	for _, f := range floods() {
		t.Run(f.name, func(t *testing.T) {
			if !soak {
				t.Parallel()
			}
			n := f.usual
			if soak {
				n = f.full
			}
			p := start(t, "--store", "memory", "--limit-anonymous", "0", "--body-share", cmp.Or(f.share, "0"),
				"--max-connections-per-address", "0", "--max-connections", strconv.Itoa(n+10))
			voyager, err := p.client(t).SignIn(t.Context(), "voyager@example.org", "cicerone-demo")
			if err != nil {
				t.Fatal(err)
			}
			conns := p.open(t, n, strings.Replace(f.sent, "{token}", voyager.AccessToken, 1))
			for range 20 {
				if _, err := p.client(t).Policy(t.Context()); err != nil {
					t.Errorf("another client: %v", err)
				}
				if _, err := p.client(t).SignIn(t.Context(), "voyager@example.org", "cicerone-demo"); err != nil && f.name != "bodies of one address" {
					t.Errorf("another client: %v", err)
				}
			}
			if !f.unread {
				p.endsOf(t, conns, f)
			}
			peak := p.peak(t)
			t.Logf("%d connections: the server took at most %d MB", n, peak)
			if peak > f.megabytes[soak] {
				t.Errorf("the server took %d MB of memory, want at most %d", peak, f.megabytes[soak])
			}
		})
	}
}

// open opens n connections, and sends the text on each as far as the server takes it.
func (p *process) open(t *testing.T, n int, text string) []net.Conn {
	t.Helper()
	conns := make([]net.Conn, n)
	var opening sync.WaitGroup
	places := make(chan struct{}, 100)
	for i := range conns {
		places <- struct{}{}
		opening.Go(func() {
			defer func() { <-places }()
			conn, err := (&net.Dialer{Timeout: patience}).DialContext(t.Context(), "tcp", p.address(t))
			if err != nil {
				t.Error(err)
				return
			}
			conns[i] = conn
			_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
			_ = conn.SetDeadline(time.Now().Add(patience))
			_, _ = io.WriteString(conn, text) // fails if the server has refused it already
		})
	}
	opening.Wait()
	t.Cleanup(func() {
		for _, conn := range conns {
			if conn != nil {
				_ = conn.Close()
			}
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	return conns
}

// endsOf waits until the server has ended the connections of a flood, and checks its answers.
func (p *process) endsOf(t *testing.T, conns []net.Conn, f flood) {
	t.Helper()
	var mu sync.Mutex
	var ending sync.WaitGroup
	got := map[int]int{}
	until := time.Now().Add(f.within)
	for _, conn := range conns {
		ending.Go(func() {
			_ = conn.SetReadDeadline(until)
			all, err := io.ReadAll(conn)
			status := 0
			if answer, malformed := http.ReadResponse(bufio.NewReader(bytes.NewReader(all)), nil); malformed == nil {
				_ = answer.Body.Close()
				status = answer.StatusCode
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				status = -1 // open
			}
			mu.Lock()
			defer mu.Unlock()
			got[status]++
		})
	}
	ending.Wait()
	counts := maps.Clone(got)
	for status, least := range f.least {
		if got[status] < least {
			t.Errorf("%d answers of %d, want at least %d", got[status], status, least)
		}
		delete(counts, status)
	}
	if len(counts) != 1 || counts[f.rest] == 0 {
		t.Errorf("got these numbers of each status: %v, want only %d beside %v", got, f.rest, f.least)
	}
}

// peak returns the most memory that the server has taken, in MB, without the pages of its program,
// which the system takes back if memory is short.
func (p *process) peak(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	kilobytes := func(of string) int {
		_, after, _ := strings.Cut(string(status), of+":")
		n, err := strconv.Atoi(strings.Fields(after)[0])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return (kilobytes("VmHWM") - kilobytes("RssFile")) * 1024 / 1_000_000
}
