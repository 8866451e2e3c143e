package flood

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/ports"
)

// size is the size of a run.
type size struct {
	profiles     int
	passwordCost int
	quiet, loud  time.Duration // how long is measured without and with a flood
}

// Others floods a server over an empty store, and prints how long others wait, without and with the
// flood. It closes the store. It fails the test if another caller is refused or gets an error, or if
// the flood gets an answer other than the usual one or a refusal. With CICERONE_SOAK=1 the store is
// large enough that the times mean something; none of them fails the test.
func Others(t *testing.T, storage ports.Storage) {
	small := size{profiles: 200, passwordCost: 4, quiet: 100 * time.Millisecond, loud: 300 * time.Millisecond}
	if os.Getenv("CICERONE_SOAK") == "1" {
		small = size{profiles: 20_000, passwordCost: 12, quiet: 5 * time.Second, loud: 10 * time.Second}
	}
	s := serve(t, storage, small)
	get := func(path string) func(p person, _ int) request {
		return func(p person, i int) request {
			return request{http.MethodGet, path, p.token, address(i), "", http.StatusOK}
		}
	}
	t.Run("searches of one user", func(t *testing.T) { s.measure(t, 40, one(s.signUp()), get("/v1/matches")) })
	t.Run("places of one user", func(t *testing.T) { s.measure(t, 40, one(s.signUp()), get("/v1/places")) })
	t.Run("searches of many users", func(t *testing.T) { s.measure(t, 40, s.many(40), get("/v1/matches?country=Country+3")) })
	t.Run("lists of an admin", func(t *testing.T) { s.measure(t, 40, one(s.admin), get("/v1/admin/users?q=lovelace+19")) })
	t.Run("audits", func(t *testing.T) { s.measure(t, 4, one(s.admin), get("/v1/admin/ledger/verify")) })
	t.Run("exports of one user", func(t *testing.T) { s.measure(t, 40, one(s.signUp()), get("/v1/me/export")) })

	wrong := func(from func(i int) string) func(p person, i int) request {
		return func(p person, i int) request {
			body := fmt.Sprintf(`{"email":%q,"password":"a rainy harbour"}`, p.email)
			return request{http.MethodPost, "/v1/auth/login", "", from(i), body, http.StatusUnauthorized}
		}
	}
	here := func(int) string { return address(0) }
	t.Run("19 wrong sign-ins a second", func(t *testing.T) { s.measureSignIns(t, 19, 0, wrong(here)) })
	t.Run("64 wrong sign-ins at once", func(t *testing.T) { s.measureSignIns(t, 0, 64, wrong(here)) })
	t.Run("64 wrong sign-ins at once of 64 addresses", func(t *testing.T) { s.measureSignIns(t, 0, 64, wrong(address)) })
}

func one(p person) []person { return []person{p} }

func (s *server) many(n int) (all []person) {
	for range n {
		all = append(all, s.signUp())
	}
	return all
}

func address(i int) string { return fmt.Sprintf("203.0.113.%d", i%250) }

// request is a request of a flood.
type request struct {
	method, path, token, address, body string

	status int // of the usual answer
}

// measure prints how long others wait while so many clients send requests of the people, one after
// the other.
func (s *server) measure(t *testing.T, clients int, people []person, of func(p person, i int) request) {
	quiet := s.readWallets(t, s.size.quiet)
	f := s.begin(t, 0, clients, people, of)
	loud := s.readWallets(t, s.size.loud)
	t.Attr("latency", fmt.Sprintf("wallets of others: %s; %s", compare(quiet, loud), f.end()))
}

// measureSignIns is like measure, for a flood of wrong sign-ins to the account of one user. It also
// measures the right sign-ins of another user from another address.
func (s *server) measureSignIns(t *testing.T, perSecond, clients int, of func(p person, i int) request) {
	victim, other := s.signUp(), s.signUp()
	quiet, alone := s.readWallets(t, s.size.quiet), s.signIns(t, other, s.size.quiet)
	f := s.begin(t, perSecond, clients, one(victim), of)
	var loud, beside latencies
	var both sync.WaitGroup
	both.Go(func() { loud = s.readWallets(t, s.size.loud) })
	both.Go(func() { beside = s.signIns(t, other, s.size.loud) })
	both.Wait()
	t.Attr("latency", fmt.Sprintf("wallets of others: %s; right sign-ins of another: %s, at most %s; %s",
		compare(quiet, loud), compare(alone, beside), ms(beside.at(1)), f.end()))
}

// readWallets reads the wallets of the others, each every 25 ms, and returns how long it took.
func (s *server) readWallets(t *testing.T, during time.Duration) latencies {
	return s.watch(t, during, 25*time.Millisecond, len(s.others), func(i int) request {
		return request{http.MethodGet, "/v1/wallet", s.others[i].token, fmt.Sprint("192.0.2.", i), "", http.StatusOK}
	})
}

// signIns signs a user in, again and again.
func (s *server) signIns(t *testing.T, p person, during time.Duration) latencies {
	body := fmt.Sprintf(`{"email":%q,"password":%q}`, p.email, password)
	return s.watch(t, during, 500*time.Millisecond, 1, func(int) request {
		return request{http.MethodPost, "/v1/auth/login", "", "192.0.2.99", body, http.StatusOK}
	})
}

// watch sends requests of several clients, each every so often or when the one before is answered.
func (s *server) watch(t *testing.T, during, every time.Duration, clients int, of func(i int) request) (all latencies) {
	var mu sync.Mutex
	var running sync.WaitGroup
	end := time.Now().Add(during)
	for i := range clients {
		running.Go(func() {
			tick := time.NewTicker(every)
			defer tick.Stop()
			for ; time.Now().Before(end); <-tick.C {
				r := of(i)
				begun := time.Now()
				status, body, err := s.ask(r.method, r.path, r.token, r.address, r.body)
				took := time.Since(begun)
				if err != nil || status != r.status {
					t.Errorf("%s %s of another was answered %d %s, %v", r.method, r.path, status, body, err)
				}
				mu.Lock()
				all = append(all, took)
				mu.Unlock()
			}
		})
	}
	running.Wait()
	slices.Sort(all)
	return all
}

// flood is clients that send requests until it ends.
type flood struct {
	t     *testing.T
	begun time.Time
	stop  chan struct{}
	done  sync.WaitGroup

	mu      sync.Mutex
	answers map[int]int // by status
}

// begin starts a flood of clients that send one request after the other, or of so many requests a
// second.
func (s *server) begin(t *testing.T, perSecond, clients int, people []person, of func(p person, i int) request) *flood {
	f := &flood{t: t, begun: time.Now(), stop: make(chan struct{}), answers: map[int]int{}}
	for i := range clients {
		f.done.Go(func() {
			for !f.stopped(0) {
				if !f.send(s, of(people[i%len(people)], i)) {
					f.stopped(rand.N(time.Second)) // Retry-After is a second or more
				}
			}
		})
	}
	if perSecond > 0 {
		f.done.Go(func() {
			for i := 0; !f.stopped(time.Second / time.Duration(perSecond)); i++ {
				f.done.Go(func() { f.send(s, of(people[i%len(people)], i)) })
			}
		})
	}
	return f
}

// stopped waits, and reports whether the flood ends.
func (f *flood) stopped(wait time.Duration) bool {
	select {
	case <-f.stop:
		return true
	case <-time.After(wait):
		return false
	}
}

// send reports whether a request was admitted.
func (f *flood) send(s *server, r request) bool {
	status, body, err := s.ask(r.method, r.path, r.token, r.address, r.body)
	refused := status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
	if err != nil || status != r.status && !refused {
		f.t.Errorf("%s %s was answered %d %s, %v", r.method, r.path, status, body, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[status]++
	return !refused
}

// end stops the flood, and says how it was answered.
func (f *flood) end() string {
	close(f.stop)
	f.done.Wait()
	took := time.Since(f.begun)
	var parts []string
	for status, n := range f.answers {
		parts = append(parts, fmt.Sprintf("%d × %d", n, status))
	}
	slices.Sort(parts)
	return fmt.Sprintf("the flood got %s in %v", strings.Join(parts, ", "), took.Round(time.Second))
}

// latencies are times in ascending order.
type latencies []time.Duration

// at returns the time that a part of the requests took at most.
func (l latencies) at(part float64) time.Duration { return l[min(int(part*float64(len(l))), len(l)-1)] }

func compare(quiet, loud latencies) string {
	line := func(name string, part float64) string {
		q, l := quiet.at(part), loud.at(part)
		return fmt.Sprintf("%s %s → %s (× %.1f)", name, ms(q), ms(l), float64(l)/float64(q))
	}
	return line("p50", 0.5) + ", " + line("p99", 0.99)
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond)) }
