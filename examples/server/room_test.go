package main_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// keepAlive sends a request on a connection of its own, and returns the connection, which is idle
// then, or nil if the server closed it.
func (p *process) keepAlive(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.address(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != 200 || answer.Close {
		t.Errorf("got %s (%v), want 200 and a connection that remains", answer.Status, err)
	}
	return conn
}

func TestConnectionsAreLimited(t *testing.T) {
	for _, args := range [][]string{
		{"--max-connections-per-address", "5"}, {"--max-connections", "5", "--max-connections-per-address", "0"},
	} {
		t.Run(args[0], func(t *testing.T) {
			t.Parallel()
			p := start(t, append(args, "--store", "memory")...)
			var idle []net.Conn
			for range 5 {
				idle = append(idle, p.keepAlive(t))
			}
			for range 3 {
				if p.keepAlive(t) != nil {
					t.Error("a sixth connection was accepted")
				}
			}
			if n := strings.Count(p.logged(), "a connection was refused"); n != 1 {
				t.Errorf("the log tells %d times of refused connections, want once in a minute:\n%s", n, p.logged())
			}
			_ = idle[0].Close()
			for deadline := time.Now().Add(patience); p.keepAlive(t) == nil; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("a closed connection still counts")
				}
			}
		})
	}
	t.Run("trusted proxy", func(t *testing.T) {
		t.Parallel()
		p := start(t, "--store", "memory", "--max-connections-per-address", "1", "--trusted-proxies", "127.0.0.0/8,::1", "--mail", "log")
		for range 20 {
			if p.keepAlive(t) == nil {
				t.Fatal("a connection of a trusted proxy was refused")
			}
		}
	})
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		p := start(t, "--store", "memory", "--max-connections", "0", "--max-connections-per-address", "0")
		for range 600 {
			if p.keepAlive(t) == nil {
				t.Fatal("a connection was refused")
			}
		}
	})
}

func TestHeadersAreLimited(t *testing.T) {
	t.Parallel()
	p := start(t, "--store", "memory")
	for size, want := range map[int]int{8 << 10: 200, 24 << 10: http.StatusRequestHeaderFieldsTooLarge} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.base+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Long", strings.Repeat("x", size))
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("a header of %d bytes: got %s, want %d", size, answer.Status, want)
		}
	}
}

func TestMemoryLimitFromTheEnvironment(t *testing.T) {
	t.Parallel()
	logs := func(p *process, text string) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); !strings.Contains(p.logged(), text); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Errorf("the log does not contain %q:\n%s", text, p.logged())
				return
			}
		}
	}
	p := startIn(t, []string{"GOMEMLIMIT=500MiB"}, "--store", "memory")
	logs(p, "the memory is limited")
	logs(p, "bytes=524288000")
	logs(start(t, "--store", "memory"), "the memory is")
}
