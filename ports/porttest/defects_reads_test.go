package porttest_test

import (
	"context"
	"errors"
	"strconv"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/ports"
)

// readFlaw is what a store with a messaging.Marker does wrong.
type readFlaw int

const (
	readsWell readFlaw = iota
	readsWithoutKey
	readsWithUsedKey
	readsWithAnswerOfNone
	readsAsOutsider
	readsInactive
	readsElsewhere
	readsByTime
	readsSilently
	readsLoudly
	readsWithoutSeq
	readsAnonymously
	readsUncounted
	readsNever
)

// reading returns a plant of stores with a messaging.Marker.
func reading(f readFlaw) plant {
	return handing(func(_ *memory.Store, b *broken) { b.messaging = marker{b.Tx.Messaging(), b.Tx, f} })
}

// marker is a messaging.Marker that makes the calls of the steps in the unit of work.
type marker struct {
	messaging.Repository
	tx   ports.Tx
	flaw readFlaw
}

func (r marker) Mark(ctx context.Context, m messaging.Marking) (int, idempotency.Outcome, error) {
	upTo, sender, possible, err := r.check(ctx, m)
	if err != nil || !possible {
		return 0, idempotency.NotDone, err
	}
	place := messaging.PlaceOfMessage(upTo)
	if r.flaw == readsByTime {
		for i := range place.ID {
			place.ID[i] = 0xff
		}
	}
	n, err := r.MarkRead(ctx, m.Conversation, m.Reader, place)
	if err != nil {
		return 0, idempotency.NotDone, err
	}
	var writes []error
	if r.flaw == readsLoudly || n > 0 && r.flaw != readsSilently {
		read := m.Read.Data.(events.MessageRead) //nolint:forcetypeassert // a Marking has no other
		if r.flaw != readsAnonymously {
			read.SenderID = sender
		}
		seq := upTo.CreatedAt.UnixMilli()
		if r.flaw == readsWithoutSeq {
			seq = 0
		}
		writes = append(writes, r.tx.Events().Add(ctx, m.Read.With(seq, read)))
	}
	if m.Record != nil && r.flaw != readsWithoutKey {
		kept := *m.Record
		if r.flaw != readsWithAnswerOfNone {
			kept.Answer = strconv.AppendInt(nil, int64(n), 10)
		}
		writes = append(writes, r.tx.Idempotency().Save(ctx, kept))
	}
	if r.flaw == readsUncounted {
		n = 0
	}
	return n, idempotency.Done, errors.Join(writes...)
}

// check returns the last message of a marking and its sender, and whether the marking is allowed.
func (r marker) check(ctx context.Context, m messaging.Marking) (upTo messaging.Message, sender id.User, possible bool, err error) {
	if r.flaw == readsNever {
		return upTo, sender, false, nil
	}
	if m.Record != nil {
		_, err := r.tx.Idempotency().Claim(ctx, m.Record.Owner, m.Record.Key)
		if !errors.Is(err, fault.NotFound) && r.flaw != readsWithUsedKey {
			return upTo, sender, false, err
		}
	}
	standing, err := r.Standing(ctx, m.Conversation)
	if err == nil {
		upTo, err = r.Message(ctx, m.UpTo)
	}
	if errors.Is(err, fault.NotFound) {
		err = nil
	} else if err == nil {
		switch admitted := standing.Admit(m.Reader); {
		case errors.Is(admitted, messaging.ErrNotFound):
			possible = r.flaw == readsAsOutsider
		case admitted != nil:
			possible = r.flaw == readsInactive
		default:
			possible = true
		}
		possible = possible && (upTo.ConversationID == m.Conversation || r.flaw == readsElsewhere)
	}
	return upTo, standing.Conversation.Other(m.Reader), possible, err
}

// readDefects returns stores with a messaging.Marker that a comparison with the steps finds.
func readDefects() (all []defect) {
	const differs = "in one step and step by step"
	for _, d := range []struct {
		name string
		flaw readFlaw
		says string
	}{
		{"forgets the key", readsWithoutKey, "idempotency_records"},
		{"ignores a used key", readsWithUsedKey, differs},
		{"keeps the answer for no message", readsWithAnswerOfNone, "idempotency_records"},
		{"lets outsiders do it", readsAsOutsider, differs},
		{"lets inactive users do it", readsInactive, differs},
		{"takes messages of another conversation", readsElsewhere, differs},
		{"marks all messages of one time", readsByTime, differs},
		{"adds no event", readsSilently, "outbox"},
		{"always adds an event", readsLoudly, "outbox"},
		{"adds events without a seq", readsWithoutSeq, "outbox"},
		{"does not name the sender", readsAnonymously, "outbox"},
		{"does not tell how many", readsUncounted, differs},
		{"never does it", readsNever, "the commands that were done in one step"},
	} {
		all = append(all, defect{
			name: "marks in one step, and " + d.name, plant: reading(d.flaw), says: d.says,
			fails: []string{"steps/a marking in one step is a marking step by step"},
		})
	}
	return append(all, defect{
		name: "marks in one step, without the check of a session",
		plant: handing(func(_ *memory.Store, b *broken) {
			b.users, b.messaging = checksReaders{b.Tx.Users(), new(error)}, marker{b.Tx.Messaging(), b.Tx, readsWell}
		}),
		fails: []string{"steps/a marking in one step begins with the check of a session"},
		says:  "a revoked session: a marking",
	})
}

func init() { defects = append(defects, readDefects()...) }

// TestMarkingInOneStep checks that the kit passes a store whose fast form is sound.
func TestMarkingInOneStep(t *testing.T) {
	t.Parallel()
	if v := judged(t, "marks in one step", "^TestStorage$/^(messaging|steps|races|told|refusals)$"); v.err != nil {
		t.Errorf("the kit failed the store: %v\n%s", v.err, v.output)
	}
}
