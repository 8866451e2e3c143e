package kithttp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

var errFull = &fault.Error{Kind: fault.Unavailable, Code: "full", Detail: "is full", RetryAfter: 7 * time.Second}

// till is a budget of bodies.
type till struct {
	mu         sync.Mutex
	room, held int
	most       []int64 // of the bodies that were begun, in order
	ended      int
}

func (b *till) begin(_ context.Context, most int64) (func(int) error, func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.most = append(b.most, most)
	mine := 0
	return func(n int) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.held+n > b.room {
				return errFull
			}
			mine += n
			b.held += n
			return nil
		}, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.held -= mine
			b.ended++
		}
}

// intakeServer has POST /gated, which a gate refuses, POST /busy, which another gate refuses because
// of the load, POST /none, whose request has no body, and POST /some, whose body has at most 64 KiB.
// inside runs in the handler of /some.
func intakeServer(b kithttp.Bodies, inside func(basket)) *kithttp.Server {
	s := kithttp.NewServer(kithttp.WithBodies(b))
	refuse := func(ctx context.Context) (context.Context, error) {
		return ctx, fault.New(fault.TooManyRequests, "slow_down", "slow down")
	}
	kithttp.Handle(s, kithttp.Route[basket, kithttp.None]{Name: "gated", Method: "POST", Path: "/gated"},
		answer[basket](kithttp.None{}, nil), kithttp.Gated(refuse))
	kithttp.Handle(s, kithttp.Route[basket, kithttp.None]{Name: "busy", Method: "POST", Path: "/busy"},
		answer[basket](kithttp.None{}, nil), kithttp.Gated(func(ctx context.Context) (context.Context, error) { return ctx, errFull }))
	kithttp.Handle(s, kithttp.Route[kithttp.None, kithttp.None]{Name: "none", Method: "POST", Path: "/none"},
		answer[kithttp.None](kithttp.None{}, nil))
	kithttp.Handle(s, kithttp.Route[basket, kithttp.None]{Name: "some", Method: "POST", Path: "/some"},
		func(_ context.Context, b basket) (kithttp.None, error) { inside(b); return kithttp.None{}, nil })
	s.HandleHTTP("GET /plain", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, strings.Repeat("long ", 2000))
	}))
	return s
}

// full is in front of a server, and refuses the requests of the path /full without it.
func full(s *kithttp.Server) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/full" {
			s.Refuse(w, r, errFull)
			return
		}
		s.ServeHTTP(w, r)
	})
}

// dial sends the text of a request to a server, and returns the connection.
func dial(t *testing.T, server *httptest.Server, text string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

func head(method, path, headers string) string {
	return method + " " + path + " HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n" + headers + "\r\n"
}

// response reads a response, and returns its status, its code and whether the connection remains.
func response(t *testing.T, r *bufio.Reader) (status int, text string, remains bool) {
	t.Helper()
	got, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatalf("no response: %v", err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatalf("the response was cut off: %v", err)
	}
	return got.StatusCode, string(body), !got.Close
}

// TestRefusedBodiesAreNotRead sends requests whose bodies never arrive. Each is answered at once,
// is asked for no body, and ends its connection.
func TestRefusedBodiesAreNotRead(t *testing.T) {
	budget := &till{room: 1 << 20}
	server := httptest.NewServer(full(intakeServer(kithttp.Bodies{Begin: budget.begin}, func(basket) {})))
	t.Cleanup(server.Close)
	for path, want := range map[string]int{
		"POST /gated": 429, "POST /busy": 503, "POST /full": 503, "POST /nowhere": 404, "POST //gated": 404, "GET /gated": 405, "GET /plain": 200, "POST /none": 413, "POST /some": 413,
	} {
		sizes := []string{"Content-Length: 8388608\r\n", "Content-Length: 8388608\r\nExpect: 100-continue\r\n"}
		if want != 413 {
			sizes = append(sizes, "Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: 100\r\nExpect: 100-continue\r\n")
		}
		for _, size := range sizes {
			t.Run(fmt.Sprintf("%s %.30s", path, size), func(t *testing.T) {
				t.Parallel()
				begun := time.Now()
				method, path, _ := strings.Cut(path, " ")
				_, r := dial(t, server, head(method, path, size))
				status, _, remains := response(t, r)
				if status != want || remains {
					t.Errorf("got %d, and the connection remains: %t; want %d", status, remains, want)
				}
				if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
					t.Errorf("after the response: %v, want the end of the connection", err)
				}
				if took := time.Since(begun); took > 10*time.Second {
					t.Errorf("the connection ended after %v", took)
				}
			})
		}
	}
	t.Cleanup(func() {
		if len(budget.most) > 0 {
			t.Errorf("bodies of %v bytes were begun", budget.most)
		}
	})
}

// TestRefusalArrivesWhileTheBodyIsSent checks that the response to a client that sends its whole
// body before it reads is not lost.
func TestRefusalArrivesWhileTheBodyIsSent(t *testing.T) {
	server := httptest.NewServer(intakeServer(kithttp.Bodies{}, func(basket) {}))
	t.Cleanup(server.Close)
	for range 20 {
		conn, r := dial(t, server, head("POST", "/gated", "Content-Length: 100000\r\n"))
		_, _ = io.WriteString(conn, strings.Repeat("x", 100_000))
		if status, text, _ := response(t, r); status != 429 || !strings.Contains(text, "slow_down") {
			t.Errorf("got %d %s", status, text)
		}
		if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
			t.Errorf("after the response: %v, want its end and no reset, which can overtake it", err)
		}
	}
}

// TestConnectionRemainsAfterACompleteBody checks that a connection serves further requests after
// bodies that were read, also refused ones.
func TestConnectionRemainsAfterACompleteBody(t *testing.T) {
	server := httptest.NewServer(intakeServer(kithttp.Bodies{MinRate: 1, Over: 5 * time.Second}, func(basket) {}))
	t.Cleanup(server.Close)
	conn, r := dial(t, server, "")
	for _, c := range []struct {
		path, body string
		status     int
	}{{"/some", `{"name":"a"}`, 204}, {"/some", `{}`, 422}, {"/some", `[`, 400}, {"/none", `{}`, 204}, {"/none", ``, 204}, {"/some", `{"name":"b"}`, 204}} {
		for _, chunked := range []bool{false, true} {
			size, body := fmt.Sprintf("Content-Length: %d\r\n", len(c.body)), c.body
			if chunked && body != "" {
				size, body = "Transfer-Encoding: chunked\r\n", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
			}
			if _, err := io.WriteString(conn, head("POST", c.path, size)+body); err != nil {
				t.Fatal(err)
			}
			if status, text, remains := response(t, r); status != c.status || !remains {
				t.Errorf("%s %s: got %d, and the connection remains: %t; want %d: %s", c.path, c.body, status, remains, c.status, text)
			}
		}
	}
}

// TestConnectionRemainsUnderLoad checks that a client whose request is refused because of the load
// keeps its connection, if the body is small and has arrived.
func TestConnectionRemainsUnderLoad(t *testing.T) {
	budget := &till{room: 1 << 20}
	server := httptest.NewServer(full(intakeServer(kithttp.Bodies{Begin: budget.begin}, func(basket) {})))
	t.Cleanup(server.Close)
	conn, r := dial(t, server, "")
	for n, size := range []int{2, 100, 3000, 4096, 100, 100, 4096} {
		text := head("POST", []string{"/busy", "/full"}[n%2], fmt.Sprintf("Content-Length: %d\r\n", size)) + strings.Repeat("x", size)
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		if status, text, remains := response(t, r); status != 503 || !remains {
			t.Errorf("%d bytes: got %d, and the connection remains: %t; want 503: %s", size, status, remains, text)
		}
	}
	if len(budget.most) > 0 {
		t.Errorf("bodies of %v bytes were begun", budget.most)
	}
	if _, err := io.WriteString(conn, head("POST", "/some", "Content-Length: 12\r\n")+`{"name":"b"}`); err != nil {
		t.Fatal(err)
	}
	if status, text, _ := response(t, r); status != 204 {
		t.Errorf("the next request: got %d %s", status, text)
	}
}

// TestBodiesAreCharged checks that bodies are charged as they arrive, from their first byte until
// the request is answered.
func TestBodiesAreCharged(t *testing.T) {
	budget := &till{room: 100}
	heldInside := 0
	s := intakeServer(kithttp.Bodies{Begin: budget.begin}, func(basket) { heldInside = budget.held })
	post := func(path, body string, length int64) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", path, io.NopCloser(strings.NewReader(body)))
		r.Header.Set("Content-Type", "application/json")
		r.ContentLength = length
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
	padded := func(n int) string { return `{"name":"a"}` + strings.Repeat(" ", n-12) }
	if w := post("/some", padded(100), 100); w.Code != 204 || heldInside != 100 {
		t.Errorf("got %d, and %d bytes held while the handler ran, want 100", w.Code, heldInside)
	}
	if w := post("/some", padded(101), -1); w.Code != 503 || problem(t, w).Code != "full" || w.Header().Get("Retry-After") != "7" {
		t.Errorf("beyond the budget: got %d %s", w.Code, w.Body)
	}
	if w := post("/some", padded(12), 10_000); w.Code != 204 || heldInside != 12 {
		t.Errorf("got %d, and %d bytes held, want the 12 that arrived", w.Code, heldInside)
	}
	post("/some", `{"name":`, -1) // malformed
	post("/some", "", -1)
	post("/gated", padded(12), 12)
	if budget.held != 0 || budget.ended != 5 || fmt.Sprint(budget.most) != "[100 65536 10000 65536 65536]" {
		t.Errorf("%d bytes are held, %d of the bodies %v ended", budget.held, budget.ended, budget.most)
	}

	panics := intakeServer(kithttp.Bodies{Begin: budget.begin}, func(basket) { panic("!") })
	r := httptest.NewRequest("POST", "/some", strings.NewReader(padded(12)))
	r.Header.Set("Content-Type", "application/json")
	panics.ServeHTTP(httptest.NewRecorder(), r)
	if budget.held != 0 || budget.ended != 6 {
		t.Errorf("after a panic: %d bytes are held, %d bodies ended", budget.held, budget.ended)
	}
}

// TestSlowBodies checks that a client that sends any body too slowly is refused, and that
// a body that is fast enough may take longer.
func TestSlowBodies(t *testing.T) {
	const over = 300 * time.Millisecond
	server := httptest.NewServer(intakeServer(kithttp.Bodies{MinRate: 1000, Over: over}, func(basket) {}))
	t.Cleanup(server.Close)
	trickle := func(t *testing.T, piece string, every time.Duration, size int) (status int, text string, took time.Duration) {
		begun := time.Now()
		conn, r := dial(t, server, head("POST", "/some", fmt.Sprintf("Content-Length: %d\r\n", size)))
		stop := make(chan struct{})
		go func() {
			for sent := 0; sent < size; sent += len(piece) {
				if _, err := io.WriteString(conn, piece); err != nil {
					return
				}
				select {
				case <-stop:
					return
				case <-time.After(every):
				}
			}
		}()
		defer close(stop)
		status, text, _ = response(t, r)
		return status, text, time.Since(begun)
	}
	t.Run("nothing", func(t *testing.T) {
		t.Parallel()
		if status, text, _ := trickle(t, "", time.Minute, 100); status != 400 || !strings.Contains(text, "too slowly") {
			t.Errorf("got %d %s", status, text)
		}
	})
	t.Run("a byte now and then", func(t *testing.T) {
		t.Parallel()
		if status, text, _ := trickle(t, " ", 10*time.Millisecond, 60_000); status != 400 || !strings.Contains(text, "too slowly") {
			t.Errorf("got %d %s", status, text)
		}
	})
	t.Run("fast enough", func(t *testing.T) {
		t.Parallel()
		piece := strings.Repeat(" ", 3000)
		if status, text, took := trickle(t, piece, 50*time.Millisecond, 60_000); status != 400 || strings.Contains(text, "slowly") || took < 2*over {
			t.Errorf("got %d after %v, want the refusal of the blanks after more than %v: %s", status, took, 2*over, text)
		}
	})
}

// TestTimeAfterABody checks that the time for a body ends with it: a handler may take longer, the next
// body on the connection has its own time, and so have bodies that arrive meanwhile.
func TestTimeAfterABody(t *testing.T) {
	const over = 600 * time.Millisecond
	s := kithttp.NewServer(kithttp.WithBodies(kithttp.Bodies{MinRate: 1000, Over: over}))
	route := kithttp.Route[basket, string]{Name: "slow", Method: http.MethodPost, Path: "/slow"}
	kithttp.Handle(s, route, func(ctx context.Context, _ basket) (string, error) {
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(over * 3 / 2):
			return "done", nil
		}
	})
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	const body = `{"name":"n"}`
	header := head("POST", "/slow", fmt.Sprintf("Content-Length: %d\r\n", len(body)))
	for n := range 3 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			time.Sleep(time.Duration(n) * over / 4)
			conn, r := dial(t, server, header)
			for range 2 {
				time.Sleep(over / 6)
				_, _ = io.WriteString(conn, body)
				if status, text, remains := response(t, r); status != 200 || !remains {
					t.Fatalf("got %d %s, and the connection remains: %t", status, text, remains)
				}
				_, _ = io.WriteString(conn, header)
			}
		})
	}
}

// TestReadTimeoutEndsABody checks that the minimum rate does not replace the ReadTimeout of the
// server.
func TestReadTimeoutEndsABody(t *testing.T) {
	server := httptest.NewUnstartedServer(intakeServer(kithttp.Bodies{MinRate: 1, Over: time.Hour}, func(basket) {}))
	server.Config.ReadTimeout = 200 * time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	_, r := dial(t, server, head("POST", "/some", "Content-Length: 100\r\n"))
	if status, text, _ := response(t, r); status != 400 || !strings.Contains(text, "too slowly") {
		t.Errorf("got %d %s", status, text)
	}
}

// TestRefusedBodyOverHTTP2 checks that the other requests of a connection go on.
func TestRefusedBodyOverHTTP2(t *testing.T) {
	server := httptest.NewUnstartedServer(intakeServer(kithttp.Bodies{MinRate: 1, Over: time.Hour}, func(basket) {}))
	server.EnableHTTP2 = true
	var connections atomic.Int64
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	for _, path := range []string{"/gated", "/some", "/gated", "/some"} {
		want := map[string]int{"/gated": 429, "/some": 204}[path]
		body, send := io.Pipe()
		if want == 204 {
			go func() { _, _ = io.WriteString(send, `{"name":"a"}`); _ = send.Close() }()
		}
		got, err := server.Client().Post(server.URL+path, "application/json", body)
		if err != nil {
			t.Fatal(err)
		}
		if got.StatusCode != want || got.ProtoMajor != 2 {
			t.Errorf("%s: got %d over %s, want %d", path, got.StatusCode, got.Proto, want)
		}
		_ = got.Body.Close()
		_ = send.Close()
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("there were %d connections, want 1", n)
	}
}
