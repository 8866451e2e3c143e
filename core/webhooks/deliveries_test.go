package webhooks_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	sending "github.com/cicerone-go/cicerone/adapters/webhooks"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/webhooks"
	"github.com/cicerone-go/cicerone/ports"
)

const bonus = 50 // of a sign-up

// receiver is a server that gets webhooks.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	secret  string
	status  int // of the answers
	amounts []int64
	refused int
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{status: http.StatusOK}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		body, err := io.ReadAll(q.Body)
		if err == nil {
			err = sending.Verify(r.secret, q.Header, body)
		}
		var p webhooks.Payload
		var data events.WalletChanged
		if err == nil {
			err = json.Unmarshal(body, &p)
		}
		if err == nil {
			err = json.Unmarshal(p.Data, &data)
		}
		if err != nil || p.Type != events.TypeWalletChanged {
			t.Errorf("the body is %s: %v", body, err)
		}
		if data.Amount == bonus {
			return // from before the endpoint was added
		}
		if w.WriteHeader(r.status); r.status == http.StatusOK {
			r.amounts = append(r.amounts, data.Amount)
		} else {
			r.refused++
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) set(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

// wait waits until the server has got n webhooks, and was refused at least so often.
func (r *receiver) wait(t *testing.T, n, refused int) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		r.mu.Lock()
		got, failed := slices.Clone(r.amounts), r.refused
		r.mu.Unlock()
		if len(got) >= n && failed >= refused {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("got %v and refused %d, waited for %d and %d", got, failed, n, refused)
		}
	}
}

func (r *receiver) got() []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.amounts)
}

// post is a community whose webhooks are sent.
type post struct {
	*testing.T
	*coretest.World
	user id.User
}

func newPost(t *testing.T) *post {
	w := coretest.NewWorld(t, memory.New(), func(p *coretest.Policies) { p.Webhooks.AllowHTTP = true })
	w.Clock.Set(time.Now())
	sender, err := sending.NewSender(sending.Config{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := webhooks.NewDeliveries(webhooks.DeliveryDeps{
		Store: ports.ForWebhooks(w.Store), Secrets: w.Secrets, Sender: sender, Clock: time.Now, Policy: webhooks.DefaultPolicy(),
	})
	if err != nil {
		t.Fatal(err)
	}
	policy := events.DefaultPolicy()
	policy.LookEvery, policy.MinPause, policy.MaxPause, policy.MaxTries, policy.Keep = 10*time.Millisecond, time.Millisecond, 20*time.Millisecond, 1, time.Hour
	relay, err := events.NewRelay(events.RelayDeps{Store: ports.ForEvents(w.Store), Policy: policy, Source: d.Subscribers})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = relay.Run(ctx, func(err error) { t.Log(err) }) // it returns nil
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	return &post{t, w, w.Person("ada")}
}

func (p *post) endpoint(r *receiver) webhooks.Status {
	p.Helper()
	e, secret, err := p.Webhooks.Create(p.Ctx, p.Admin(), webhooks.Input{URL: r.URL, Types: []events.Type{events.TypeWalletChanged}})
	if err != nil {
		p.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secret = secret
	return e
}

// add adds tokens, and so events with these amounts.
func (p *post) add(amounts ...int64) {
	p.Helper()
	for _, amount := range amounts {
		err := p.Store.Do(p.Ctx, func(ctx context.Context, tx ports.Tx) error {
			return events.Add(ctx, tx, p.IDs, time.Now(), 1000+amount, events.WalletChanged{UserID: p.user, Amount: amount})
		})
		if err != nil {
			p.Fatal(err)
		}
	}
}

func TestEndpointGetsEventsInOrder(t *testing.T) {
	p, r := newPost(t), newReceiver(t)
	p.endpoint(r)
	p.add(1, 2, 3)
	r.wait(t, 3, 0)
	r.set(http.StatusServiceUnavailable)
	p.add(4, 5)
	r.wait(t, 3, 5) // although an event is set aside after one attempt, it is tried while it is young
	r.set(http.StatusOK)
	r.wait(t, 5, 5)
	if got := r.got(); !slices.Equal(got, []int64{1, 2, 3, 4, 5}) {
		t.Errorf("got %v", got)
	}
}

func TestDeadEndpointDelaysNoOther(t *testing.T) {
	p, r, dead := newPost(t), newReceiver(t), newReceiver(t)
	p.endpoint(dead)
	p.endpoint(r)
	dead.set(http.StatusInternalServerError)
	p.add(1)
	dead.wait(t, 0, 3)
	p.add(2, 3)
	r.wait(t, 3, 0)
	if got := r.got(); !slices.Equal(got, []int64{1, 2, 3}) || len(dead.got()) != 0 {
		t.Errorf("got %v, and the dead one %v", got, dead.got())
	}
}

func TestRemovedEndpointGetsNothing(t *testing.T) {
	p, r, other := newPost(t), newReceiver(t), newReceiver(t)
	e := p.endpoint(r)
	p.endpoint(other)
	p.add(1)
	r.wait(t, 1, 0)
	if err := p.Webhooks.Remove(p.Ctx, p.Admin(), e.ID); err != nil {
		t.Fatal(err)
	}
	p.add(2)
	other.wait(t, 2, 0)
	time.Sleep(100 * time.Millisecond)
	if got := r.got(); !slices.Equal(got, []int64{1}) {
		t.Errorf("got %v after its removal", got)
	}
}

// An endpoint that begins again at a position gets the events after it once more.
func TestEndpointBeginsAgain(t *testing.T) {
	p, r := newPost(t), newReceiver(t)
	e := p.endpoint(r)
	p.add(1, 2)
	r.wait(t, 2, 0)
	_, err := p.Moderation.ChangeSubscription(p.Ctx, p.Admin(), e.Subscription.Name, moderation.SubscriptionChange{Position: &e.Subscription.Position})
	if err != nil {
		t.Fatal(err)
	}
	r.wait(t, 4, 0)
	if got := r.got(); !slices.Equal(got, []int64{1, 2, 1, 2}) {
		t.Errorf("got %v", got)
	}
}
