package httpapi_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/grpcapi"
	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// broadcasting is a world behind a server with a network, whose relay runs.
type broadcasting struct {
	*world
	server    *httptest.Server
	ada, luca person
	talk      id.Conversation
}

func newBroadcasting(t *testing.T, streams edge.StreamLimits, http2 bool) *broadcasting {
	t.Helper()
	b := &broadcasting{world: newWorld(t, func(o *httpapi.Options) { o.Limits.Streams = streams })}
	relay := must[*events.Relay](t)(events.NewRelay(events.RelayDeps{
		Store: ports.ForEvents(b.store), Clock: b.clock, Policy: events.DefaultPolicy(),
	}))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- relay.Run(ctx, func(err error) { t.Error(err) }) }()
	b.server = httptest.NewUnstartedServer(b.api)
	b.server.Config.WriteTimeout, b.server.Config.ReadTimeout = 200*time.Millisecond, 200*time.Millisecond // do not hold for streams
	b.server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetWriteBuffer(4 << 10)
		}
		return ctx
	}
	if b.server.EnableHTTP2 = http2; http2 {
		b.server.StartTLS()
	} else {
		b.server.Start()
	}
	t.Cleanup(func() {
		b.services.Live.Close()
		b.server.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	b.ada, b.luca = b.person("Ada"), b.person("Luca")
	b.searchable(b.luca)
	b.talk = b.world.talk(b.ada, b.luca)
	must[httpapi.Message](t)(b.luca.Send(b.ctx, b.talk, httpapi.Draft{Content: new("hello")}, "")) // so that Ada may send many
	for waiting := true; waiting; time.Sleep(10 * time.Millisecond) {
		err := b.store.View(b.ctx, func(ctx context.Context, tx ports.Tx) error {
			backlog, err := tx.Events().Backlog(ctx)
			waiting = !backlog.Oldest.IsZero()
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// open opens a stream.
func (b *broadcasting) open(p person, lastID string) *http.Response {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.ctx)
	r := must[*http.Request](b.t)(http.NewRequestWithContext(ctx, http.MethodGet, b.server.URL+"/v1/events", nil))
	r.Header.Set("Authorization", "Bearer "+p.token)
	r.Header.Set("Accept-Encoding", "gzip")
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	response := must[*http.Response](b.t)(b.server.Client().Do(r))
	b.t.Cleanup(func() {
		cancel()
		_ = response.Body.Close()
	})
	return response
}

func (b *broadcasting) send(p person) httpapi.Message {
	b.t.Helper()
	return must[httpapi.Message](b.t)(p.Send(b.ctx, b.talk, httpapi.Draft{Content: new("hello")}, ""))
}

// next returns the next event of a stream, without those of other types.
func next(t *testing.T, read func() (kithttp.ServerEvent, error, bool), of events.Type) kithttp.ServerEvent {
	t.Helper()
	for {
		e, err, _ := read()
		if err != nil {
			t.Fatal(err)
		}
		if e.Data != nil && (e.Type == string(of) || e.Type == "reset") {
			return e
		}
	}
}

func TestLiveEvents(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		b := newBroadcasting(t, edge.StreamLimits{WriteTime: time.Second}, http2)
		response := b.open(b.luca, "")
		h := response.Header
		if response.StatusCode != 200 || h.Get("Content-Type") != "text/event-stream" || h.Get("Cache-Control") != "no-store" ||
			h.Get("X-Accel-Buffering") != "no" || h.Get("Content-Encoding") != "" || response.ProtoMajor == 2 != http2 {
			t.Errorf("the response is %s %d %v", response.Proto, response.StatusCode, h)
		}
		read, stop := pull(response.Body)
		defer stop()
		if first, err, _ := read(); err != nil || first.Retry < time.Second || first.Retry > 5*time.Second {
			t.Errorf("the first block is %+v, %v", first, err)
		}
		time.Sleep(500 * time.Millisecond) // longer than the timeouts of the server
		sent := b.send(b.ada)
		e := next(t, read, events.TypeMessageSent)
		if e.ID == "" || !strings.Contains(string(e.Data), `"message_id":"`+sent.ID.String()+`"`) || strings.Contains(string(e.Data), "hello") {
			t.Errorf("the event is %q %s", e.ID, e.Data)
		}
		second := b.send(b.ada)
		again, stop := pull(b.open(b.luca, e.ID).Body)
		defer stop()
		for _, of := range []func() (kithttp.ServerEvent, error, bool){read, again} {
			if e := next(t, of, events.TypeMessageSent); !strings.Contains(string(e.Data), second.ID.String()) {
				t.Errorf("the next event is %s", e.Data)
			}
		}
		far, stop := pull(b.open(b.luca, "9000000").Body)
		defer stop()
		if e := next(t, far, events.TypeMessageSent); e.Type != "reset" || string(e.Data) != "{}" || e.ID == "" {
			t.Errorf("after an id of another store: %+v", e)
		}
	}
}

func TestLiveEventsAreRefused(t *testing.T) {
	b := newBroadcasting(t, edge.StreamLimits{PerUser: 5, AtOnce: 6}, false)
	for _, bad := range []string{"x", "-1", "+1", "01", "99999999999999999999"} {
		b.ask("GET", "/v1/events", b.luca.token, "", "Last-Event-ID", bad).want(t, 422)
	}
	for range 5 {
		if r := b.open(b.luca, ""); r.StatusCode != 200 {
			t.Fatalf("got %d", r.StatusCode)
		}
	}
	refused := func(p person, status int, code string) {
		t.Helper()
		r := b.open(p, "")
		body := must[[]byte](t)(io.ReadAll(r.Body))
		if r.StatusCode != status || !strings.Contains(string(body), `"code":"`+code+`"`) || r.Header.Get("Retry-After") == "" {
			t.Errorf("got %d %v %s, want %d %s", r.StatusCode, r.Header, body, status, code)
		}
	}
	refused(b.luca, 429, "too_many_streams")
	if r := b.open(b.ada, ""); r.StatusCode != 200 {
		t.Errorf("a stream of another user: %d", r.StatusCode)
	}
	refused(b.ada, 503, "streams_busy")
	b.services.Live.Close()
	for range 100 {
		if running, _ := b.api.Gate().Waiting(edge.Live); running == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	refused(b.ada, 503, "shutting_down")
}

func TestLiveEventsEndWithTheSession(t *testing.T) {
	b := newBroadcasting(t, edge.StreamLimits{}, false)
	admin := b.admin("Ann")
	for name, end := range map[string]func(p person) error{
		"a sign-out": func(p person) error { return p.SignOut(b.ctx, p.refresh) },
		"a deactivation": func(p person) error {
			_, err := admin.ChangeUser(b.ctx, p.id, httpapi.AccountChange{IsActive: kithttp.Some(false)})
			return err
		},
	} {
		p := b.person("Mia" + strings.ReplaceAll(name, " ", ""))
		response := b.open(p, "")
		begun := time.Now()
		if err := end(p); err != nil {
			t.Fatal(err)
		}
		_, err := io.Copy(io.Discard, response.Body)
		if took := time.Since(begun); err != nil || took > 5*time.Second { // a second, on a machine that does nothing else
			t.Errorf("after %s, the stream ended in %v: %v", name, took, err)
		}
		if r := b.open(p, ""); r.StatusCode != 401 {
			t.Errorf("after %s, another stream: %d", name, r.StatusCode)
		}
	}
}

// A client that does not read is cut off, and holds no place any more.
func TestLiveEventsOfAClientThatDoesNotRead(t *testing.T) {
	b := newBroadcasting(t, edge.StreamLimits{WriteTime: 200 * time.Millisecond}, false)
	c := must[net.Conn](t)(net.Dial("tcp", b.server.Listener.Addr().String()))
	defer func() { _ = c.Close() }()
	if err := c.(*net.TCPConn).SetReadBuffer(1 << 10); err != nil {
		t.Fatal(err)
	}
	must[int](t)(io.WriteString(c, "GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+b.luca.token+"\r\n\r\n"))
	must[string](t)(bufio.NewReader(c).ReadString('\n'))
	err := b.store.Do(b.ctx, func(ctx context.Context, tx ports.Tx) error {
		for n := range int64(900) {
			if err := events.Add(ctx, tx, b.ids(), b.clock(), 1000+n, events.WalletChanged{UserID: b.luca.id, Amount: n}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 500 {
		if running, _ := b.api.Gate().Waiting(edge.Live); running == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the stream is still open")
}

func (b *broadcasting) ids() *id.Generator { return id.NewGenerator(b.clock) }

// TestClientFollowsEvents follows events over both protocols, while the server ends each stream after a
// second.
func TestClientFollowsEvents(t *testing.T) {
	for _, protocol := range []string{"HTTP", "gRPC"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			limits := edge.StreamLimits{Longest: time.Second}
			b := newBroadcasting(t, limits, false)
			client := must[*httpapi.Client](t)(httpapi.NewClient(b.server.URL))
			if protocol == "gRPC" {
				client = b.overGRPC(func(o *grpcapi.Options) { o.Streams = limits })
			}
			b.follow(t, client.As(b.luca.token))
		})
	}
}

func (b *broadcasting) follow(t *testing.T, client *httpapi.Client) {
	t.Helper()
	const messages = 10
	var sent, got []id.Message
	ended := make(chan bool)
	go func() {
		defer close(ended)
		for running := 0; running == 0; running, _ = b.api.Gate().Waiting(edge.Live) {
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(200 * time.Millisecond) // a stream that runs is not open yet
		for range messages {
			m, err := b.ada.Send(b.ctx, b.talk, httpapi.Draft{Content: new("hello")}, "")
			if err != nil {
				t.Error(err)
			}
			sent = append(sent, m.ID)
			time.Sleep(200 * time.Millisecond)
		}
	}()
	for last := ""; len(got) < messages; {
		for told, err := range client.Events(b.ctx, last) {
			if err != nil {
				t.Fatal(err)
			}
			last = told.LastID
			if d, ok := told.Data.(events.MessageSent); ok {
				got = append(got, d.MessageID)
				if told.ID.IsZero() || told.Type != events.TypeMessageSent || told.Version != 1 || !told.At.Equal(b.clock()) {
					t.Errorf("told %+v", told)
				}
				if len(got) == 3 || len(got) == messages {
					break // another call goes on
				}
			}
		}
	}
	<-ended
	if !slices.Equal(got, sent) {
		t.Errorf("told %v, want %v", got, sent)
	}

	// It ends with the error of a refusal, and with its context.
	if err := b.luca.SignOut(b.ctx, b.luca.refresh); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.ctx, 100*time.Millisecond)
	defer cancel()
	for _, c := range []struct {
		ctx     context.Context
		token   string
		last    string
		refusal error
	}{
		{b.ctx, b.luca.token, "1", users.ErrNotSignedIn}, {b.ctx, b.ada.token, "x", fault.Invalid}, {ctx, b.ada.token, "", context.DeadlineExceeded},
	} {
		var ends []error
		for _, err := range client.As(c.token).Events(c.ctx, c.last) {
			ends = append(ends, err)
		}
		if len(ends) != 1 || !errors.Is(ends[0], c.refusal) {
			t.Errorf("ended with %v, want %v", ends, c.refusal)
		}
	}
}

// A server that sends something else is not asked again and again.
func TestClientDoesNotFollowOtherThings(t *testing.T) {
	for _, body := range []string{"", "event: message.sent\ndata: {\n\n"} {
		asked := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if asked++; body != "" {
				w.Header().Set("Content-Type", kithttp.EventMedia)
			}
			_, _ = io.WriteString(w, body)
		}))
		defer server.Close()
		for _, err := range must[*httpapi.Client](t)(httpapi.NewClient(server.URL)).Events(t.Context(), "") {
			if err == nil || asked != 1 {
				t.Errorf("asked %d times: %v", asked, err)
			}
		}
	}
}

func pull(body io.Reader) (func() (kithttp.ServerEvent, error, bool), func()) {
	return iter.Pull2(kithttp.ReadEvents(body))
}
