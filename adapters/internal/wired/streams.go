package wired

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/wiring"
)

// streams checks that each user is told each message of their conversation once and in order, while
// messages are sent, by servers over one store: all messages are sent through the first, and clients change
// from one server to another again and again. It logs how long messages take. With CICERONE_SOAK=1, it
// is 1,000 streams and 500 messages a second for a minute.
func streams(t *testing.T, shared bool, root New) {
	c := Config()
	c.Access.Keys = [][]byte{[]byte(strings.Repeat("k", 32))}
	c.Limits.Anonymous.PerSecond, c.Limits.User.PerSecond = 0, 0
	b := &broadcast{T: t, pairs: 10, each: 20, every: 50 * time.Millisecond, sent: map[id.Message]time.Time{}}
	if os.Getenv("CICERONE_SOAK") == "1" {
		b.pairs, b.each, b.every = 500, 60, time.Second
	}
	apps := []*wiring.App{root.start(t, c)}
	if shared {
		apps = append(apps, root.start(t, c))
	}
	for _, app := range apps {
		server := httptest.NewServer(app.Handler)
		t.Cleanup(func() {
			app.Drain()
			server.Close()
		})
		b.servers = append(b.servers, server.URL)
		go func() {
			if err := app.Run(context.Background()); err != nil {
				t.Errorf("Run = %v", err)
			}
		}()
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 10}
	t.Cleanup(transport.CloseIdleConnections)
	b.http = &http.Client{Transport: transport}

	talks := make([]talk, b.pairs)
	for i := range talks {
		talks[i] = b.meet(apps[0], i)
	}
	before := memory()
	var clients, writers sync.WaitGroup
	for i := range talks {
		for side := range talks[i].people {
			clients.Go(func() { b.listen(&talks[i], side) })
		}
	}
	for b.open(apps) < 2*b.pairs {
		time.Sleep(10 * time.Millisecond)
	}
	opened := memory()
	begun := time.Now()
	for i := range talks {
		writers.Go(func() { b.write(apps[0], &talks[i], time.Duration(i)*b.every/time.Duration(b.pairs)) })
	}
	writers.Wait()
	took := time.Since(begun)
	clients.Wait()
	for i, talk := range talks {
		for side, told := range talk.told {
			if !slices.Equal(told, talk.sent) {
				t.Errorf("pair %d, side %d: told %d messages, want %d in order", i, side, len(told), len(talk.sent))
			}
		}
	}
	for _, app := range apps {
		if n := app.Live.Stats().Dropped; n > 0 {
			t.Errorf("%d streams were dropped", n)
		}
	}
	slices.Sort(b.latencies)
	at := func(share float64) time.Duration {
		return b.latencies[int(share*float64(len(b.latencies)-1))].Round(100 * time.Microsecond)
	}
	t.Logf("%d servers, %d streams, %.0f messages a second: p50 %v, p99 %v, max %v; with client and server in one process, "+
		"%d KiB for each stream, %d MiB in all at the end", len(apps), 2*b.pairs, float64(b.pairs*b.each)/took.Seconds(),
		at(.5), at(.99), at(1), (opened-before)/int64(2*b.pairs)>>10, memory()>>20)
}

// broadcast is one run of streams.
type broadcast struct {
	*testing.T
	servers     []string
	http        *http.Client
	pairs, each int           // each is the number of messages of a pair
	every       time.Duration // a pair sends one

	mu        sync.Mutex
	sent      map[id.Message]time.Time // when the sending began
	latencies []time.Duration
}

// talk is a conversation of two users who write in turns.
type talk struct {
	id     id.Conversation
	people [2]id.User
	tokens [2]string
	sent   []id.Message
	told   [2][]id.Message
}

func (b *broadcast) meet(app *wiring.App, n int) (k talk) {
	for side := range k.people {
		email := fmt.Sprintf("%d-%d@example.org", n, side)
		k.people[side] = register(b.T, app, email).ID
		in, err := app.Users.SignIn(b.Context(), users.SignIn{Email: email, Password: "long enough"})
		must(b.T, err)
		k.tokens[side] = in.AccessToken
	}
	_, err := app.Matching.SaveProfile(b.Context(), k.people[1], matching.Profile{FirstName: "Luca", IsSearchable: true}, nil)
	must(b.T, err)
	opened, err := app.Messaging.Open(b.Context(), k.people[0], k.people[1], "")
	must(b.T, err)
	k.id = opened.Overview.Conversation.ID
	return k
}

func (b *broadcast) write(app *wiring.App, k *talk, after time.Duration) {
	time.Sleep(after)
	every := time.NewTicker(b.every)
	defer every.Stop()
	for n := range b.each {
		begun := time.Now()
		m, err := app.Messaging.Send(b.Context(), k.people[n%2], k.id, messaging.Draft{Content: "hello"}, "")
		if err != nil {
			b.Errorf("send: %v", err)
			return
		}
		k.sent = append(k.sent, m.ID)
		b.mu.Lock()
		b.sent[m.ID] = begun
		b.mu.Unlock()
		<-every.C
	}
}

// listen follows the events of one participant until all messages are told.
func (b *broadcast) listen(k *talk, side int) {
	last := ""
	for call := side; len(k.told[side]) < b.each && !b.Failed(); call++ {
		err := b.follow(b.servers[call%len(b.servers)], k.tokens[side], &last, func(m message) (leave bool) {
			k.told[side] = append(k.told[side], m.MessageID)
			if m.RecipientID == k.people[side] {
				b.arrived(m.MessageID)
			}
			n := len(k.told[side])
			return n == b.each || (n+call)%7 == 0 // and go on at another server
		})
		if err != nil {
			b.Errorf("follow events: %v", err)
		}
	}
}

// message is the data of message.sent.
type message struct {
	MessageID   id.Message `json:"message_id"`
	RecipientID id.User    `json:"recipient_id"`
}

// follow reads one stream until leave returns true.
func (b *broadcast) follow(server, token string, last *string, leave func(m message) bool) error {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/v1/events", nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if *last != "" {
		r.Header.Set("Last-Event-ID", *last)
	}
	response, err := b.http.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", response.Status)
	}
	kind := ""
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			*last = value
		case "event":
			if kind = value; kind == "reset" {
				return errors.New("events are missing")
			}
		case "data":
			var e struct{ Data message }
			if err := json.Unmarshal([]byte(value), &e); err != nil {
				return err
			}
			if kind == "message.sent" && leave(e.Data) {
				return nil
			}
		}
	}
	return nil // the server ends streams after a while
}

func (b *broadcast) arrived(m id.Message) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if begun, ok := b.sent[m]; ok { // the sending may not have returned yet
		b.latencies = append(b.latencies, now.Sub(begun))
	}
}

func (b *broadcast) open(apps []*wiring.App) (open int) {
	for _, app := range apps {
		open += app.Live.Stats().Open
	}
	return open
}

// memory returns the bytes of the heap and of the stacks that are in use.
func memory() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse) // #nosec G115 -- far below the limit
}
