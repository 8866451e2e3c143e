package messaging_test

import (
	"context"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// asked is a store with a messaging.Sender and a messaging.Marker that do nothing, and keep what
// they were asked for.
type asked struct {
	ports.Storage
	sendings []messaging.Sending
	markings []messaging.Marking
}

func (a *asked) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	return a.Storage.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error { return fn(ctx, askedTx{tx, a}) })
}

type askedTx struct {
	ports.Tx
	of *asked
}

func (tx askedTx) Messaging() messaging.Repository { return askedMessages{tx.Tx.Messaging(), tx.of} }

type askedMessages struct {
	messaging.Repository
	of *asked
}

func (m askedMessages) Send(_ context.Context, sending messaging.Sending) (messaging.Message, idempotency.Outcome, error) {
	m.of.sendings = append(m.of.sendings, sending)
	return messaging.Message{}, idempotency.NotDone, nil
}

// TestSendInOneStep checks which messages a store is asked to send in one step. Those that it does
// not send are sent step by step.
func TestSendInOneStep(t *testing.T) {
	free := func(p *messaging.Policy) { p.MessageCost = 0 }
	for name, test := range map[string]struct {
		draft  messaging.Draft
		policy func(p *messaging.Policy)
		joined events.Type
		asked  int
	}{
		"a text":                       {draft: messaging.Draft{Content: "hello"}, asked: 1},
		"a picture":                    {draft: messaging.Draft{Attachment: attached(10, 10)}},
		"a free message":               {draft: messaging.Draft{Content: "hello"}, policy: free},
		"a subscriber of the message":  {draft: messaging.Draft{Content: "hello"}, joined: events.TypeMessageSent},
		"a subscriber of the payment":  {draft: messaging.Draft{Content: "hello"}, joined: events.TypeWalletChanged},
		"a subscriber of other events": {draft: messaging.Draft{Content: "hello"}, joined: events.TypeMessageRead, asked: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			store := &asked{Storage: memory.New()}
			copyRows(t, s.Store, ports.NewStore(store, uow.Policy{}))
			told := 0
			var runner uow.Runner[ports.Tx] = store
			if test.joined != "" {
				runner = joinedBy(t, store, s.World, test.joined, &told)
			}
			policy := messaging.DefaultPolicy()
			if test.policy != nil {
				test.policy(&policy)
			}
			service, err := messaging.NewService(messaging.Deps{
				Store:  uow.Narrow(uow.NewStore(runner, uow.Policy{}), func(tx ports.Tx) messaging.Tx { return tx }),
				Ledger: tokens.NewLedger(s.IDs), Images: coretest.Images{}, Clock: s.Clock.Now, IDs: s.IDs, Policy: policy,
			})
			coretest.Is(t, err, nil)
			sent, err := service.Send(s.Ctx, s.voyager, s.talk, test.draft, "a-key")
			coretest.Is(t, err, nil)
			if sent.UserID != s.voyager || len(store.sendings) != test.asked {
				t.Errorf("sent %+v; the store was asked %d times to send it in one step, want %d", sent, len(store.sendings), test.asked)
			}
			if handled := test.joined != "" && test.asked == 0; handled != (told == 1) {
				t.Errorf("the subscriber got %d events", told)
			}
			for _, asked := range store.sendings {
				checkSending(t, s, asked)
			}
		})
	}
}

func checkSending(t *testing.T, s scene, got messaging.Sending) {
	t.Helper()
	m := got.Message
	if m.ConversationID != s.talk || m.UserID != s.voyager || m.Content != "hello" || !m.CreatedAt.Equal(s.Clock.Now()) ||
		got.MaxUnanswered != messaging.DefaultPolicy().MaxUnanswered {
		t.Errorf("the store was asked to send %+v", m)
	}
	if p := got.Payment; p.UserID != s.voyager || p.Amount != -1 || p.Type != tokens.MessageSent ||
		p.Metadata != tokens.Reference("message_id", m.ID) || !p.CreatedAt.Equal(s.Clock.Now().Truncate(time.Millisecond)) {
		t.Errorf("the payment is %+v", p)
	}
	if r := got.Record; r == nil || r.Owner != s.voyager.String() || r.Key != "a-key" || string(r.Answer) != `{"ID":"`+m.ID.String()+`"}` {
		t.Errorf("the record is %+v", r)
	}
	paid := events.WalletChanged{Amount: -1, TransactionID: got.Payment.ID, Type: "MESSAGE_SENT", UserID: s.voyager}
	sent := events.MessageSent{ConversationID: s.talk, MessageID: m.ID, SenderID: s.voyager}
	if got.Paid.Data != paid || got.Sent.Data != sent || got.Paid.Seq != 0 || got.Sent.Seq != 0 || got.Paid.ID == got.Sent.ID {
		t.Errorf("the events are %+v and %+v", got.Paid, got.Sent)
	}
}

func copyRows(t *testing.T, from, to *ports.Store) {
	t.Helper()
	coretest.Is(t, from.Snapshot(t.Context(), func(ctx context.Context, source ports.Tx) error {
		return to.Do(ctx, func(ctx context.Context, target ports.Tx) error {
			for _, table := range ports.Tables {
				rows, err := source.Rows().Read(ctx, table, nil, 1000)
				if err != nil {
					return err
				}
				if err := target.Rows().Write(ctx, table, rows); err != nil {
					return err
				}
			}
			return nil
		})
	}), nil)
}

// joinedBy returns the store with a joined subscriber of one type, which counts its events.
func joinedBy(t *testing.T, store ports.Storage, w *coretest.World, of events.Type, told *int) uow.Runner[ports.Tx] {
	t.Helper()
	runner, err := events.Join(events.JoinDeps[ports.Tx]{
		Runner: store, With: ports.WithEvents, Clock: w.Clock.Now, IDs: w.IDs, Policy: events.DefaultPolicy(),
		Report: func(err error) { t.Error(err) },
		Subscribers: []ports.JoinedSubscriber{{Name: "test", Types: []events.Type{of}, Handle: func(context.Context, ports.Tx, events.Event) error {
			*told++
			return nil
		}}},
	})
	coretest.Is(t, err, nil)
	return runner
}
