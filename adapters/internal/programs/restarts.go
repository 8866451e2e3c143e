package programs

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/workload"
)

const (
	drainDelay  = 400 * time.Millisecond // of the servers
	probeEvery  = 20 * time.Millisecond
	signupBonus = 1_000_000 // the tokens of each sender
	senders     = 4
)

// Restarts restarts two servers on one store n times in turn, behind a load balancer and while
// clients send messages. No message may fail if its client repeats it once with the same key, and
// none may be sent or paid twice.
func (s Server) Restarts(t *testing.T, address string, n int) {
	s.Migrate(t, address)
	flags := []string{
		"--store", address, "--access-key", strings.Repeat("a2V5", 11), "--drain-delay", drainDelay.String(), "--limit-user=0",
		"--limit-anonymous=0", "--log-level=warn", fmt.Sprintf("--signup-bonus=%d", signupBonus),
	}
	b := &balancer{t: t}
	running := [2]*Serving{s.Serve(t, flags...), s.Serve(t, flags...)}
	for i, r := range running {
		b.register(i, r.Base)
	}
	front := httptest.NewServer(b)
	t.Cleanup(front.Close)
	behind := &Serving{Base: front.URL}

	var stop atomic.Bool
	var work sync.WaitGroup
	all := make([]*sender, senders)
	for i := range all {
		all[i] = newSender(t, behind, i)
		work.Go(func() {
			for !stop.Load() {
				all[i].send()
			}
		})
	}
	for i := range n {
		slot := i % len(running)
		sent := total(all)
		running[slot].End(t)
		b.withdraw(slot)
		running[slot] = s.Serve(t, flags...)
		b.register(slot, running[slot].Base)
		workload.Within(t, time.Minute, func() error { // the clients go on, and the new server is in use
			if total(all) < sent+20 || !b.ready(slot) {
				return fmt.Errorf("after restart %d: %d messages", i, total(all)-sent)
			}
			return nil
		})
	}
	stop.Store(true)
	work.Wait()
	var retried int64
	for _, c := range all {
		retried += c.retried
		c.judge(t)
	}
	t.Attr("counts", fmt.Sprintf("%d restarts, %d messages, %d repeated", n, total(all), retried))
	s.Sound(t, address)
}

// balancer passes requests to the servers that are ready, in turn.
type balancer struct {
	t     *testing.T
	slots [2]atomic.Pointer[backend]
	next  atomic.Int64
}

type backend struct {
	proxy *httputil.ReverseProxy
	ready atomic.Bool
	gone  atomic.Bool
}

func (b *balancer) register(slot int, base string) {
	to, err := url.Parse(base)
	must(b.t, err)
	s := &backend{proxy: &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: &http.Transport{MaxIdleConnsPerHost: 2 * senders},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	}}
	b.slots[slot].Store(s)
	go func() {
		for !s.gone.Load() && b.t.Context().Err() == nil {
			s.ready.Store(b.probe(base + "/readyz"))
			time.Sleep(probeEvery)
		}
	}()
}

// probe reports whether an address answers 200.
func (b *balancer) probe(address string) bool {
	request, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}

func (b *balancer) withdraw(slot int) { b.slots[slot].Load().gone.Store(true) }

func (b *balancer) ready(slot int) bool { return b.slots[slot].Load().ready.Load() }

func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for range b.slots {
		if s := b.slots[b.next.Add(1)%int64(len(b.slots))].Load(); s.ready.Load() {
			s.proxy.ServeHTTP(w, r)
			return
		}
	}
	http.Error(w, "no server is ready", http.StatusServiceUnavailable)
}

// sender sends messages in a conversation of its own.
type sender struct {
	t       *testing.T
	to      *Serving
	token   string
	path    string // of the messages of the conversation
	sent    atomic.Int64
	retried int64
}

func newSender(t *testing.T, to *Serving, i int) *sender {
	t.Helper()
	person := func(name string) (in Answer) {
		workload.Within(t, time.Minute, func() (err error) { // when the servers are in use
			in, err = to.Ask(t, http.MethodPost, "/v1/auth/signup", "", map[string]string{
				"name": name, "email": fmt.Sprintf("%s%d@example.net", name, i), "password": "long enough",
			})
			return err
		})
		return in
	}
	local, voyager := person("local"), person("voyager")
	_, err := to.Ask(t, http.MethodPut, "/v1/me/profile", local.AccessToken, map[string]any{"is_searchable": true, "interest_ids": []string{}})
	must(t, err)
	opened, err := to.Ask(t, http.MethodPost, "/v1/conversations", voyager.AccessToken, map[string]string{"local_id": local.User.ID})
	must(t, err)
	path := "/v1/conversations/" + opened.ID + "/messages"
	_, err = to.Ask(t, http.MethodPost, path, local.AccessToken, map[string]string{"content": "Welcome"}) // messages without an answer are few
	must(t, err)
	return &sender{t: t, to: to, token: voyager.AccessToken, path: path}
}

// send sends a message, and repeats it once with its key if it failed.
func (s *sender) send() {
	key := fmt.Sprintf("message-%d", s.sent.Load())
	once := func() error {
		_, err := s.to.AskByKey(s.t, http.MethodPost, s.path, s.token, key, map[string]string{"content": key})
		return err
	}
	if err := once(); err != nil {
		s.retried++
		if again := once(); again != nil {
			s.t.Errorf("a message failed twice: %v, then %v", err, again)
		}
	}
	s.sent.Add(1)
}

// judge checks that every message was stored and paid once.
func (s *sender) judge(t *testing.T) {
	t.Helper()
	w, err := s.to.Ask(t, http.MethodGet, "/v1/wallet", s.token, nil)
	must(t, err)
	if paid := signupBonus - w.Balance; paid != s.sent.Load() {
		t.Errorf("%d messages were sent, and %d paid", s.sent.Load(), paid)
	}
}

func total(all []*sender) (n int64) {
	for _, s := range all {
		n += s.sent.Load()
	}
	return n
}
