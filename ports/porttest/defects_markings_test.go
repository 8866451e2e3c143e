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

// markFlaw is what a store with a messaging.Marker does wrong.
type markFlaw int

const (
	marksWell markFlaw = iota
	marksWithoutKey
	marksWithUsedKey
	marksWithAnswerOfNone
	marksAsOutsider
	marksInactive
	marksElsewhere
	marksByTime
	marksSilently
	marksLoudly
	marksWithoutSeq
	marksAnonymously
	marksUncounted
	marksNever
)

// reading returns a plant of stores with a messaging.Marker.
func marking(f markFlaw) plant {
	return handing(func(_ *memory.Store, b *broken) { b.messaging = marker{b.Tx.Messaging(), b.Tx, f} })
}

// marker is a messaging.Marker that makes the calls of the steps in the unit of work.
type marker struct {
	messaging.Repository
	tx   ports.Tx
	flaw markFlaw
}

func (r marker) Mark(ctx context.Context, m messaging.Marking) (int, idempotency.Outcome, error) {
	upTo, sender, possible, err := r.check(ctx, m)
	if err != nil || !possible {
		return 0, idempotency.NotDone, err
	}
	place := messaging.PlaceOfMessage(upTo)
	if r.flaw == marksByTime {
		for i := range place.ID {
			place.ID[i] = 0xff
		}
	}
	n, err := r.MarkRead(ctx, m.Conversation, m.Reader, place)
	if err != nil {
		return 0, idempotency.NotDone, err
	}
	var writes []error
	if r.flaw == marksLoudly || n > 0 && r.flaw != marksSilently {
		read := m.Read.Data.(events.MessageRead) //nolint:forcetypeassert // a Marking has no other
		if r.flaw != marksAnonymously {
			read.SenderID = sender
		}
		seq := upTo.CreatedAt.UnixMilli()
		if r.flaw == marksWithoutSeq {
			seq = 0
		}
		writes = append(writes, r.tx.Events().Add(ctx, m.Read.With(seq, read)))
	}
	if m.Record != nil && r.flaw != marksWithoutKey {
		kept := *m.Record
		if r.flaw != marksWithAnswerOfNone {
			kept.Answer = strconv.AppendInt(nil, int64(n), 10)
		}
		writes = append(writes, r.tx.Idempotency().Save(ctx, kept))
	}
	if r.flaw == marksUncounted {
		n = 0
	}
	return n, idempotency.Done, errors.Join(writes...)
}

// check returns the last message of a marking and its sender, and whether the marking is allowed.
func (r marker) check(ctx context.Context, m messaging.Marking) (upTo messaging.Message, sender id.User, possible bool, err error) {
	if r.flaw == marksNever {
		return upTo, sender, false, nil
	}
	if m.Record != nil {
		_, err := r.tx.Idempotency().Claim(ctx, m.Record.Owner, m.Record.Key)
		if !errors.Is(err, fault.NotFound) && r.flaw != marksWithUsedKey {
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
			possible = r.flaw == marksAsOutsider
		case admitted != nil:
			possible = r.flaw == marksInactive
		default:
			possible = true
		}
		possible = possible && (upTo.ConversationID == m.Conversation || r.flaw == marksElsewhere)
	}
	return upTo, standing.Conversation.Other(m.Reader), possible, err
}

// markDefects returns stores with a messaging.Marker that a comparison with the steps finds.
func markDefects() (all []defect) {
	const differs = "in one step and step by step"
	for _, d := range []struct {
		name string
		flaw markFlaw
		says string
	}{
		{"forgets the key", marksWithoutKey, "idempotency_records"},
		{"ignores a used key", marksWithUsedKey, differs},
		{"keeps the answer for no message", marksWithAnswerOfNone, "idempotency_records"},
		{"lets outsiders do it", marksAsOutsider, differs},
		{"lets inactive users do it", marksInactive, differs},
		{"takes messages of another conversation", marksElsewhere, differs},
		{"marks all messages of one time", marksByTime, differs},
		{"adds no event", marksSilently, "outbox"},
		{"always adds an event", marksLoudly, "outbox"},
		{"adds events without a seq", marksWithoutSeq, "outbox"},
		{"does not name the sender", marksAnonymously, "outbox"},
		{"does not tell how many", marksUncounted, differs},
		{"never does it", marksNever, "the commands that were done in one step"},
	} {
		all = append(all, defect{
			name: "marks in one step, and " + d.name, plant: marking(d.flaw), says: d.says,
			fails: []string{"steps/a marking in one step is a marking step by step"},
		})
	}
	return append(all, defect{
		name: "marks in one step, without the check of a session",
		plant: handing(func(_ *memory.Store, b *broken) {
			b.users, b.messaging = checksReaders{b.Tx.Users(), new(error)}, marker{b.Tx.Messaging(), b.Tx, marksWell}
		}),
		fails: []string{"steps/a marking in one step begins with the check of a session"},
		says:  "a revoked session: a command",
	})
}

func init() { defects = append(defects, markDefects()...) }

// TestMarkingInOneStep checks that the kit passes a store whose fast form is sound.
func TestMarkingInOneStep(t *testing.T) {
	t.Parallel()
	if v := judged(t, "marks in one step", "^TestStorage$/^(messaging|steps|races|told|refusals)$"); v.err != nil {
		t.Errorf("the kit failed the store: %v\n%s", v.err, v.output)
	}
}
