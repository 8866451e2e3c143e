//go:build unix

package httpapi_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// BenchmarkRefusal asks a server that is full, over a connection that is kept alive, and one of
// net/http alone, which answers with the same bytes: the least that a refusal can cost. It reports
// the CPU time of a refusal, that of the client included, which other processes do not change.
func BenchmarkRefusal(b *testing.B) {
	tn := newTown(b, admitOne, func(o *httpapi.Options) { o.Log = slog.New(slog.NewJSONHandler(io.Discard, nil)) })
	token := tn.people["voyager"].token
	path := tn.words.Replace("/v1/conversations/{conversation}/messages")
	tn.full(func() {
		same := tn.ask("GET", path, token, "")
		bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			for name, values := range same.header {
				w.Header()[name] = values
			}
			w.WriteHeader(same.status)
			_, _ = io.WriteString(w, same.body)
		})
		for _, request := range []struct{ method, body string }{{"GET", ""}, {"POST", `{"content":"Shall we meet at the fountain at ten?"}`}} {
			text := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n", request.method, path, token)
			if request.body != "" {
				text += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(request.body))
			}
			text += "\r\n" + request.body
			b.Run(request.method+"/bare", func(b *testing.B) { beRefused(b, bare, text) })
			b.Run(request.method+"/api", func(b *testing.B) { beRefused(b, tn.api, text) })
		}
	})
}

// beRefused sends a request to a handler again and again.
func beRefused(b *testing.B, h http.Handler, request string) {
	listener := must[net.Listener](b)(net.Listen("tcp", "127.0.0.1:0"))
	server := &http.Server{ // as in examples/server
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
	}
	go func() { _ = server.Serve(listener) }()
	b.Cleanup(func() { _ = server.Close() })
	conn := must[net.Conn](b)(net.Dial("tcp", listener.Addr().String()))
	b.Cleanup(func() { _ = conn.Close() })
	in := bufio.NewReader(conn)
	b.ReportAllocs()
	before := cpuTime(b)
	for b.Loop() {
		if _, err := io.WriteString(conn, request); err != nil {
			b.Fatal(err)
		}
		response, err := http.ReadResponse(in, nil)
		if err != nil || response.StatusCode != http.StatusServiceUnavailable {
			b.Fatal(response, err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
	}
	b.ReportMetric(float64((cpuTime(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// cpuTime returns the CPU time that this process has used.
func cpuTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
