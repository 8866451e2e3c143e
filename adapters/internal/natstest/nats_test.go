// Package natstest tests adapters/nats against a server in the test process. It stands apart so that
// importers of the adapter do not download the server.
package natstest

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/nats-io/nats-server/v2/server"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/adapters/nats"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

const source = "https://example.org/cicerone"

// broker is a NATS server with JetStream. It keeps its files and its port when it is stopped.
type broker struct {
	*testing.T
	options server.Options
	server  *server.Server
	js      jetstream.JetStream
}

func newBroker(t *testing.T) *broker {
	t.Helper()
	b := &broker{T: t, options: server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
	}}
	b.start()
	t.Cleanup(func() { b.stop() })
	b.options.Port = b.server.Addr().(*net.TCPAddr).Port
	conn, err := client.Connect(b.server.ClientURL(), client.MaxReconnects(-1), client.ReconnectWait(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if b.js, err = jetstream.New(conn); err != nil {
		t.Fatal(err)
	}
	_, err = b.js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "CICERONE", Subjects: []string{"cicerone.>"}, Duplicates: 10 * time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *broker) start() {
	b.Helper()
	s, err := server.NewServer(&b.options)
	if err != nil {
		b.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		b.Fatal("the server does not take connections")
	}
	b.server = s
}

func (b *broker) stop() {
	b.server.Shutdown()
	b.server.WaitForShutdown()
}

// messages waits until the stream has n messages, and returns those that it then has.
func (b *broker) messages(n uint64) (all []*jetstream.RawStreamMsg) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 30*time.Second)
	defer cancel()
	for {
		stream, err := b.js.Stream(ctx, "CICERONE")
		if ctx.Err() != nil {
			b.Fatalf("waited for %d messages: %v", n, err)
		}
		if err != nil || stream.CachedInfo().State.Msgs < n {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		for seq := uint64(1); seq <= stream.CachedInfo().State.LastSeq; seq++ {
			m, err := stream.GetMsg(ctx, seq)
			if err != nil {
				b.Fatal(err)
			}
			all = append(all, m)
		}
		return all
	}
}

func (b *broker) publisher() *nats.Publisher {
	b.Helper()
	p, err := nats.New(b.js, nats.Config{Source: source, Stream: "CICERONE"})
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// host has a store and a relay that publishes its events.
type host struct {
	*testing.T
	store  *ports.Store
	ids    *id.Generator
	user   id.User
	policy events.Policy
}

func newHost(t *testing.T) *host {
	policy := events.DefaultPolicy()
	policy.LookEvery, policy.MinPause, policy.MaxPause, policy.MaxTries = 10*time.Millisecond, time.Millisecond, 50*time.Millisecond, 1
	policy.HandleTime, policy.FromOldest = 200*time.Millisecond, true
	ids := id.NewGenerator(nil)
	return &host{T: t, store: ports.NewStore(memory.New(), uow.Policy{}), ids: ids, user: id.User(ids.Next()), policy: policy}
}

func (h *host) add(from, to int64) {
	h.Helper()
	err := h.store.Do(h.Context(), func(ctx context.Context, tx ports.Tx) error {
		for seq := from; seq <= to; seq++ {
			if err := events.Add(ctx, tx, h.ids, time.Now(), seq, events.WalletChanged{UserID: h.user, Amount: seq, Type: "PURCHASE"}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		h.Fatal(err)
	}
}

// relay delivers events until the test or the returned function ends it.
func (h *host) relay(s events.Subscriber) (stop func()) {
	h.Helper()
	r, err := events.NewRelay(events.RelayDeps{Store: ports.ForEvents(h.store), Policy: h.policy, Subscribers: []events.Subscriber{s}})
	if err != nil {
		h.Fatal(err)
	}
	ctx, cancel := context.WithCancel(h.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = r.Run(ctx, func(err error) { h.Log(err) }) // it returns nil
	}()
	stop = func() {
		cancel()
		<-ended
	}
	h.Cleanup(stop)
	return stop
}

// sequences returns the seq of the events of messages.
func sequences(t *testing.T, all []*jetstream.RawStreamMsg) (seqs []int64) {
	t.Helper()
	for _, m := range all {
		var e cloudevents.Event
		if err := e.UnmarshalJSON(m.Data); err != nil {
			t.Fatal(err)
		}
		var data events.WalletChanged
		if err := json.Unmarshal(e.Data(), &data); err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, data.Amount)
	}
	return seqs
}

func upTo(n int64) (seqs []int64) {
	for seq := int64(1); seq <= n; seq++ {
		seqs = append(seqs, seq)
	}
	return seqs
}

func TestEventsArePublishedInOrder(t *testing.T) {
	b, h := newBroker(t), newHost(t)
	h.relay(b.publisher().Subscriber("nats"))
	h.add(1, 50)
	h.add(51, 60)
	if got := sequences(t, b.messages(60)); !slices.Equal(got, upTo(60)) {
		t.Errorf("published %v", got)
	}
}

// The SDK of CloudEvents reads and validates the messages.
func TestMessageIsACloudEvent(t *testing.T) {
	b := newBroker(t)
	ids := id.NewGenerator(nil)
	published := events.New(ids, time.Now(), 7, events.MessageSent{
		ConversationID: id.Conversation(ids.Next()), MessageID: id.Message(ids.Next()),
		RecipientID: id.User(ids.Next()), SenderID: id.User(ids.Next()),
	})
	if err := b.publisher().Publish(t.Context(), published); err != nil {
		t.Fatal(err)
	}
	m := b.messages(1)[0]
	if m.Subject != "cicerone.message.sent" || m.Header.Get("Content-Type") != "application/cloudevents+json" ||
		m.Header.Get("Nats-Msg-Id") != published.ID.String() {
		t.Errorf("the subject is %s, and the header %v", m.Subject, m.Header)
	}
	var e cloudevents.Event
	if err := e.UnmarshalJSON(m.Data); err != nil {
		t.Fatal(err)
	}
	if err := e.Validate(); err != nil {
		t.Error(err)
	}
	if e.SpecVersion() != "1.0" || e.ID() != published.ID.String() || e.Source() != source || e.Type() != "message.sent" ||
		e.Subject() != string(published.Aggregate) || !e.Time().Equal(published.At) || e.DataContentType() != "application/json" {
		t.Errorf("the event is %s", m.Data)
	}
	if x := e.Extensions(); x["sequence"] != "0000000000000000007" || x["dataversion"] != int32(1) {
		t.Errorf("the extensions are %v", x)
	}
	if string(e.Data()) != events.Encode(published.Data) {
		t.Errorf("the data is %s", e.Data())
	}
}

func TestRepeatedEventIsStoredOnce(t *testing.T) {
	b := newBroker(t)
	p, ids := b.publisher(), id.NewGenerator(nil)
	first := events.New(ids, time.Now(), 1, events.WalletChanged{Amount: 1})
	second := events.New(ids, time.Now(), 2, events.WalletChanged{Amount: 2})
	for _, e := range []events.Event{first, first, second, first, second} {
		if err := p.Publish(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if got := sequences(t, b.messages(2)); !slices.Equal(got, []int64{1, 2}) {
		t.Errorf("stored %v, want each event once", got)
	}
}

// The policy sets an event aside after one attempt, but not while the event is young.
func TestServerIsDownAndBack(t *testing.T) {
	b, h := newBroker(t), newHost(t)
	h.relay(b.publisher().Subscriber("nats"))
	h.add(1, 10)
	b.messages(10)
	last := int64(10)
	for range 3 {
		b.stop()
		h.add(last+1, last+10)
		last += 10
		time.Sleep(500 * time.Millisecond) // some attempts fail
		b.start()
		b.messages(uint64(last))
	}
	if got := sequences(t, b.messages(uint64(last))); !slices.Equal(got, upTo(last)) {
		t.Errorf("stored %v, want each event once and in order", got)
	}
	err := h.store.View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		aside, err := tx.Subscriptions().Aside(ctx, events.AsideFilter{}, nil, 10)
		if len(aside) > 0 {
			t.Errorf("set aside: %+v", aside)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A process is killed after the server has stored an event, and before the relay knows.
func TestAnotherProcessGoesOn(t *testing.T) {
	b, h := newBroker(t), newHost(t)
	p := b.publisher()
	crashing := p.Subscriber("nats")
	crashing.Handle = func(ctx context.Context, e events.Event) error {
		err := p.Publish(ctx, e)
		if e.Seq == 5 {
			<-ctx.Done() // what the relay would have stored is lost
			return ctx.Err()
		}
		return err
	}
	stop := h.relay(crashing)
	h.add(1, 10)
	b.messages(5)
	stop()
	h.relay(p.Subscriber("nats"))
	if got := sequences(t, b.messages(10)); !slices.Equal(got, upTo(10)) {
		t.Errorf("stored %v, want each event once and in order", got)
	}
}

func TestPublishFails(t *testing.T) {
	b := newBroker(t)
	e := events.New(id.NewGenerator(nil), time.Now(), 1, events.WalletChanged{})
	elsewhere, err := nats.New(b.js, nats.Config{Source: source, Stream: "OTHER"})
	if err != nil {
		t.Fatal(err)
	}
	nowhere, err := nats.New(b.js, nats.Config{Source: source, Subject: "nowhere"})
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*nats.Publisher{"another stream": elsewhere, "no stream": nowhere} {
		if err := p.Publish(t.Context(), e); !errors.Is(err, nats.ErrNotPublished) || !errors.Is(err, fault.Unavailable) {
			t.Errorf("%s: %v, want ErrNotPublished", name, err)
		}
	}
	b.stop()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if err := b.publisher().Publish(ctx, e); !errors.Is(err, nats.ErrNotPublished) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without a server: %v, want ErrNotPublished and the end of the context", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("Publish returned %v after its context", took)
	}
	b.start()
}

func TestNewChecks(t *testing.T) {
	if _, err := nats.New(nil, nats.Config{Source: source}); !errors.Is(err, fault.Internal) {
		t.Errorf("without a connection: %v", err)
	}
	js, err := jetstream.New(&client.Conn{})
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]nats.Config{
		"Source": {}, "Subject": {Source: source, Subject: "cicerone.*"}, "TryFor": {Source: source, TryFor: -1},
	} {
		_, err := nats.New(js, cfg)
		f, _ := errors.AsType[*fault.Error](err)
		if f == nil || f.Kind != fault.Invalid || len(f.Fields) != 1 || f.Fields[0].Name != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}
