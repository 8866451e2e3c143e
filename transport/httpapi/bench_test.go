package httpapi_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/transport/client"
	"github.com/cicerone-go/cicerone/transport/grpcapi"
	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// BenchmarkSend sends messages over HTTP and over gRPC, to the same server in the same run. Like
// BenchmarkList, it reports the operations per second of both, and the ratio. The numbers mean something
// only with a -benchtime of some thousand iterations (make bench-transports).
func BenchmarkSend(b *testing.B) {
	compare(b, func(w *world, c *httpapi.Client, talk id.Conversation) error {
		_, err := c.Send(w.ctx, talk, httpapi.Draft{Content: new("Shall we meet at the fountain at ten?")}, "")
		return err
	})
}

// BenchmarkList reads the last 30 messages of a conversation.
func BenchmarkList(b *testing.B) {
	compare(b, func(w *world, c *httpapi.Client, talk id.Conversation) error {
		p, err := c.Messages(w.ctx, talk, httpapi.Paging{Limit: 30})
		if err == nil && len(p.Items) != 30 {
			err = fmt.Errorf("%d messages, want 30", len(p.Items))
		}
		return err
	})
}

// hotRoute is a route that is asked for most. most is the greatest number of allocations of a request
// on the memory adapter, which take about 26 for the request and the recorder of the test. It leaves
// room for a fifth more than there are.
type hotRoute struct {
	name, method, path, body string
	status                   int
	most                     float64
}

func hotRoutes(talk id.Conversation) []hotRoute {
	return []hotRoute{
		{"send", "POST", "/v1/conversations/" + talk.String() + "/messages", `{"content":"Shall we meet at the fountain at ten?"}`, 201, 233},
		{"list", "GET", "/v1/conversations/" + talk.String() + "/messages?limit=30", "", 200, 108},
		{"wallet", "GET", "/v1/wallet", "", 200, 70},
		{"conversations", "GET", "/v1/conversations", "", 200, 85},
		{"matches", "GET", "/v1/matches?country=Portugal", "", 200, 163},
	}
}

// ask answers a request without a network.
func (h hotRoute) ask(t testing.TB, w *world, token string) {
	r := httptest.NewRequestWithContext(t.Context(), h.method, h.path, strings.NewReader(h.body))
	r.Header.Set("Authorization", "Bearer "+token)
	if h.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer := httptest.NewRecorder()
	w.api.ServeHTTP(answer, r)
	if answer.Code != h.status {
		t.Fatalf("got %d %s", answer.Code, answer.Body)
	}
}

// BenchmarkHandler answers requests of one caller without a network, on the memory adapter, and counts
// what is allocated for each: by the handler, and by the least of a request and of a recorder.
func BenchmarkHandler(b *testing.B) {
	w := newWorld(b)
	voyagers, talks := w.talkers(1)
	w.crowd()
	for _, route := range hotRoutes(talks[0]) {
		b.Run(route.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				route.ask(b, w, voyagers[0].token)
			}
		})
	}
}

// TestAllocations checks that the routes which are asked for most do not take more and more memory.
func TestAllocations(t *testing.T) {
	if raced {
		t.Skip("under the race detector, pools lose what they keep")
	}
	w := newWorld(t)
	voyagers, talks := w.talkers(1)
	w.crowd()
	for _, route := range hotRoutes(talks[0]) {
		n := testing.AllocsPerRun(100, func() { route.ask(t, w, voyagers[0].token) })
		if n > route.most {
			t.Errorf("%s takes %v allocations, want at most %v", route.name, n, route.most)
		}
	}
}

// rounds is how often the protocols take turns, so that neither has the quieter moments.
const rounds = 10

func compare(b *testing.B, do func(*world, *httpapi.Client, id.Conversation) error) {
	for _, clients := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			w := newWorld(b)
			voyagers, talks := w.talkers(clients)
			overHTTP, overGRPC := w.listen(clients)
			each := max(b.N/clients/rounds, 1)
			var took [2]time.Duration
			b.ResetTimer()
			for range rounds {
				for i, c := range []*httpapi.Client{overHTTP, overGRPC} {
					begun := time.Now()
					var all sync.WaitGroup
					for n := range clients {
						all.Go(func() {
							signedIn := c.As(voyagers[n].token)
							for range each {
								if err := do(w, signedIn, talks[n]); err != nil {
									b.Error(err)
								}
							}
						})
					}
					all.Wait()
					took[i] += time.Since(begun)
				}
			}
			perSecond := func(d time.Duration) float64 { return float64(rounds*each*clients) / d.Seconds() }
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(perSecond(took[0]), "HTTP/s")
			b.ReportMetric(perSecond(took[1]), "gRPC/s")
			b.ReportMetric(perSecond(took[1])/perSecond(took[0]), "ratio")
		})
	}
}

// talkers returns voyagers with tokens to spend, each with a conversation of 40 messages.
func (w *world) talkers(n int) ([]person, []id.Conversation) {
	w.t.Helper()
	admin := w.admin("Ann")
	voyagers, talks := make([]person, n), make([]id.Conversation, n)
	for i := range n {
		voyagers[i] = w.person(fmt.Sprint("Vera", i))
		local := w.person(fmt.Sprint("Luca", i))
		w.searchable(local)
		talks[i] = w.talk(voyagers[i], local)
		must[httpapi.Message](w.t)(local.Send(w.ctx, talks[i], httpapi.Draft{Content: new("Hello")}, "")) // messages without an answer are counted
		must[httpapi.Transaction](w.t)(admin.PostTokens(w.ctx, voyagers[i].id, httpapi.Adjustment{Type: "BONUS", Amount: 1e9, Reason: "to spend"}, ""))
		for range page.DefaultLimit * 2 {
			must[httpapi.Message](w.t)(voyagers[i].Send(w.ctx, talks[i], httpapi.Draft{Content: new("Hello")}, ""))
		}
	}
	return voyagers, talks
}

// crowd fills a country with people: a page of matches.
func (w *world) crowd() {
	w.t.Helper()
	for i := range page.DefaultLimit {
		_, err := w.person(fmt.Sprint("Ines", i)).SaveProfile(w.ctx, httpapi.ProfileInput{
			FirstName: new("Ines"), Age: new(30), Biography: new("I know the best fountains."), Country: new("Portugal"), City: new("Lisbon"),
			IsSearchable: true,
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// listen serves the API of a world over both protocols on the network, and returns clients of it.
func (w *world) listen(connections int) (overHTTP, overGRPC *httpapi.Client) {
	w.t.Helper()
	server := httptest.NewServer(w.api)
	w.t.Cleanup(server.Close)
	pool := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	listener := must[net.Listener](w.t)(net.Listen("tcp", "127.0.0.1:0"))
	rpc := grpcapi.New(w.services, w.api.Server(), w.api.Gate(), grpcapi.Options{}).NewServer()
	go func() { _ = rpc.Serve(listener) }() // it ends with the benchmark
	w.t.Cleanup(rpc.Stop)
	overGRPC = must[*client.Client](w.t)(client.New(client.GRPC(listener.Addr().String())))
	w.t.Cleanup(func() { _ = overGRPC.Close() })
	return must[*client.Client](w.t)(client.New(client.HTTP(server.URL, kithttp.WithHTTPClient(pool)))), overGRPC
}
