package mongodb

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
)

var _ messaging.Sender = messagingRepository{}

var (
	// errNone is returned if a command was not done in one step: a check failed, or its result is
	// not known. The caller then does the command step by step.
	errNone = errors.New("the command was not done in one step")

	errWhole = errors.New("the unit of work is committed")
)

// parcel is a message that is sent in one step.
type parcel struct {
	messaging.Sending
	talk    messaging.Conversation
	present *users.Presence // of the sender, to be checked, too; nil if there is none
}

func (p *parcel) sender() id.User { return p.Message.UserID }
func (p *parcel) other() id.User  { return p.talk.Other(p.Message.UserID) }

// turns returns the turns of the documents that more than one unit may write.
func (p *parcel) turns() []turn {
	all := []turn{turnOf(turnOfTalk, p.talk.ID), turnOf(turnOfWallet, p.sender())}
	if p.Record != nil {
		all = append(all, turnOfRecord(p.Record.Owner, p.Record.Key))
	}
	return all
}

// Send implements messaging.Sender. A unit that has made another call takes the steps.
func (repo messagingRepository) Send(
	ctx context.Context, s messaging.Sending,
) (sent messaging.Message, outcome idempotency.Outcome, err error) {
	err = repo.unchecked(ctx, true, func(t *txn) error {
		if t.hosted || t.used {
			return nil
		}
		p, err := t.parcelOf(ctx, s)
		if err == nil {
			sent = s.Message
			sent.CreatedAt, err = t.dispatch(ctx, p)
		}
		if errors.Is(err, errNone) {
			outcome = idempotency.NotDone
			return nil
		}
		if err != nil {
			return err
		}
		outcome, t.whole = idempotency.Done, true
		return nil
	})
	if outcome != idempotency.Done {
		sent = messaging.Message{}
	}
	return sent, outcome, err
}

// parcelOf returns the parcel of a message. It reads the conversation outside of the transaction,
// because the participants never change. If the unit begins with a check of the sender's session,
// the parcel takes it over; a check of another session is made here.
func (t *txn) parcelOf(ctx context.Context, s messaging.Sending) (*parcel, error) {
	if t.present != nil && t.present.User != s.Message.UserID {
		if err := t.checkPresence(ctx); err != nil {
			return nil, err
		}
	}
	talk, err := findHead(ctx, t, s.Message.ConversationID)
	if errors.Is(err, fault.NotFound) || err == nil && !talk.Has(s.Message.UserID) {
		err = errNone
	}
	return &parcel{Sending: s, talk: talk, present: t.present}, err
}

// sendAlone sends a parcel in the unit's transaction, and commits. It returns the time of the
// message. After errNone the unit is as it was before.
func (t *txn) sendAlone(ctx context.Context, p *parcel) (time.Time, error) {
	at, err := t.trySend(ctx, p)
	if errors.Is(err, errNone) {
		t.undo(ctx)
	}
	return at, err
}

// undo aborts the transaction after errNone. The unit can then begin another transaction.
func (t *txn) undo(ctx context.Context) {
	if t.session == nil {
		return
	}
	t.abort(ctx)
	t.wrote, t.holds, t.correspondents, t.own, t.calendars = false, nil, nil, documents{}, map[id.User]bool{}
}

// trySend reads what the people are allowed to do while it already writes the conversation.
func (t *txn) trySend(ctx context.Context, p *parcel) (at time.Time, err error) {
	if err := t.queueFor(ctx, p.turns()...); err != nil {
		return at, err
	}
	asked := t.ask(ctx, p)
	defer asked.stop()
	if p.Record != nil {
		_, err := t.sendWrites(ctx, idempotencyIn, []mongo.WriteModel{insertingRecord(*p.Record)})
		if errors.Is(err, errTaken) {
			err = errNone
		}
		if err != nil {
			return at, err
		}
	}
	there, at, err := t.advance(ctx, p)
	if err != nil {
		return at, err
	}
	tired, err := unanswered(ctx, t, there, p.sender(), p.MaxUnanswered+1)
	if err == nil {
		err = asked.wait()
	}
	if err == nil && (tired || !asked.admits(p)) {
		err = errNone
	}
	if err != nil {
		return at, err
	}
	after, err := changeBalance(ctx, t, p.Payment)
	switch {
	case errors.Is(err, mongo.ErrNoDocuments), err == nil && after.Closed:
		return at, errNone
	case err != nil:
		return at, err
	}
	line, err := p.Payment.Apply(after.Balance-p.Payment.Amount, after.Seq-1)
	if err != nil {
		return at, err
	}
	l := &load{}
	l.add(t, p, at, line)
	if err := l.send(ctx, t); err != nil {
		return at, err
	}
	return at, t.commitWhole(ctx)
}

// commitWhole commits, and ends the transaction. The unit then has nothing left to commit.
func (t *txn) commitWhole(ctx context.Context) error {
	if err := t.commit(ctx); err != nil {
		return err
	}
	t.session.EndSession(ctx) // sends nothing to the server
	t.session, t.wrote = nil, false
	return nil
}

// advance makes a parcel the last message of its conversation. It returns the conversation after
// that, and the time of the message. Usually the clock is ahead of the message before; if it is
// not, advance has to read that.
func (t *txn) advance(ctx context.Context, p *parcel) (there overview, at time.Time, err error) {
	at = p.SentAt(time.Time{})
	name := d("_id", uuid(p.talk.ID))
	earlier := append(name, d("$or", bson.A{d("last_message", nil), d("last_message.created_at", d("$lt", date(at)))})...)
	there, err = modify(ctx, t, scanOverview, options.After, conversationsIn, earlier, p.advancing(at))
	if !errors.Is(err, mongo.ErrNoDocuments) {
		return there, at, err
	}
	before, err := find(ctx, t, scanOverview, query{in: conversationsIn, filter: name, locked: true})
	if err == nil {
		at = p.SentAt(before.latest())
		there, err = modify(ctx, t, scanOverview, options.After, conversationsIn, name, p.advancing(at))
	}
	if errors.Is(err, mongo.ErrNoDocuments) {
		err = errNone
	}
	return there, at, err
}

// latest returns the time of the last message, or zero if there is none.
func (o overview) latest() (at time.Time) {
	if o.LastMessage != nil {
		at = o.LastMessage.CreatedAt
	}
	return at
}

// advancing returns the change of the conversation for a message that is sent at a time.
func (p *parcel) advancing(at time.Time) bson.D {
	sent, unread := "sent_voyager", "unread_local"
	if p.sender() == p.talk.LocalID {
		sent, unread = "sent_local", "unread_voyager"
	}
	return d("$inc", d(sent, int64(1), unread, int64(1)), "$set", d("last_message", messages.doc(p.messageAt(at)), "activity_at", date(at)))
}

func (p *parcel) messageAt(at time.Time) messaging.Message {
	m := p.Message
	m.CreatedAt = at
	return m
}

// groups lets sends share a commit.
type (
	groups = uow.Groups[struct{}, *parcel, time.Time]
	fate   = uow.Fate[struct{}, time.Time]
)

// dispatch sends a parcel, with others or alone. It returns errNone if nothing was changed.
func (t *txn) dispatch(ctx context.Context, p *parcel) (time.Time, error) {
	s := t.store.groups
	if s == nil {
		return t.sendAlone(ctx, p)
	}
	m, _ := s.Join(struct{}{}, p)
	if m == nil {
		defer s.Done()
		return t.sendAlone(ctx, p)
	}
	f := s.Await(ctx, m)
	if f.Alone {
		defer s.Done()
		return t.sendAlone(ctx, p)
	}
	return f.Result, f.Err
}
