package messaging_test

import (
	"context"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

func (m askedMessages) Mark(_ context.Context, marking messaging.Marking) (int, idempotency.Outcome, error) {
	m.of.markings = append(m.of.markings, marking)
	return 0, idempotency.NotDone, nil
}

// TestReadInOneStep checks when a store is asked to mark messages as read in one step. Those that
// it does not mark are marked step by step.
func TestReadInOneStep(t *testing.T) {
	for name, test := range map[string]struct {
		key    idempotency.Key
		joined events.Type
		asked  int
	}{
		"with a key":                   {key: "a-key", asked: 1},
		"without a key":                {asked: 1},
		"a subscriber of the marking":  {joined: events.TypeMessageRead},
		"a subscriber of other events": {joined: events.TypeMessageSent, asked: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.send(t, s.voyager, "hello")
			last := s.send(t, s.voyager, "there")
			store := &asked{Storage: memory.New()}
			copyRows(t, s.Store, ports.NewStore(store, uow.Policy{}))
			told := 0
			var runner uow.Runner[ports.Tx] = store
			if test.joined != "" {
				runner = joinedBy(t, store, s.World, test.joined, &told)
			}
			service, err := messaging.NewService(messaging.Deps{
				Store:  uow.Narrow(uow.NewStore(runner, uow.Policy{}), func(tx ports.Tx) messaging.Tx { return tx }),
				Ledger: tokens.NewLedger(s.IDs), Images: coretest.Images{}, Clock: s.Clock.Now, IDs: s.IDs, Policy: messaging.DefaultPolicy(),
			})
			coretest.Is(t, err, nil)
			n, err := service.Read(s.Ctx, s.local, s.talk, last.ID, test.key)
			coretest.Is(t, err, nil)
			if n != 2 || len(store.markings) != test.asked {
				t.Errorf("marked %d messages, want 2; the store was asked %d times to do it in one step, want %d",
					n, len(store.markings), test.asked)
			}
			if handled := test.joined == events.TypeMessageRead; handled != (told == 1) {
				t.Errorf("the subscriber got %d events", told)
			}
			for _, got := range store.markings {
				checkMarking(t, s, got, last, test.key)
			}
		})
	}
}

func checkMarking(t *testing.T, s scene, got messaging.Marking, last messaging.Message, key idempotency.Key) {
	t.Helper()
	if got.Conversation != s.talk || got.Reader != s.local || got.UpTo != last.ID {
		t.Errorf("the store was asked to mark %+v", got)
	}
	read := events.MessageRead{ConversationID: s.talk, ReaderID: s.local, UpTo: last.ID}
	if got.Read.Data != read || got.Read.Seq != 0 || !got.Read.At.Equal(s.Clock.Now()) {
		t.Errorf("the event is %+v", got.Read)
	}
	if r := got.Record; (r != nil) != (key != "") || r != nil && (r.Owner != s.local.String() || r.Key != key || string(r.Answer) != "0") {
		t.Errorf("the record is %+v", r)
	}
}
